"""The functions of dbt's `adapter` that the macros use, for sqlfluff, which has no packages to look macros up in."""

from collections.abc import Callable


def dispatch(name: str, package: str) -> Callable[..., str]:
    """A macro that stands for the one that dbt would find."""
    return lambda *_: "null"
