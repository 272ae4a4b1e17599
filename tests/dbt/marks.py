"""Marks of tests whose cases break one rule each."""

from collections.abc import Mapping

import pytest


def rule_cases(flow: str, cases: Mapping[str, tuple]) -> list:
    """The names of cases, each marked with the rule that it breaks: the last thing that its tuple says."""
    return [pytest.param(said, marks=pytest.mark.rule(flow, case[-1])) for said, case in cases.items()]
