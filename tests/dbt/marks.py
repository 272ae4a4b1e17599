"""Pytest marks for tests whose cases each break one rule."""

from collections.abc import Mapping

import pytest


def rule_cases(flow: str, cases: Mapping[str, tuple]) -> list:
    """The names of cases, each marked with the rule that it breaks, which is the last element of its tuple."""
    return [pytest.param(name, marks=pytest.mark.rule(flow, case[-1])) for name, case in cases.items()]
