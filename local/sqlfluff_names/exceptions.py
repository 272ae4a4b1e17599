"""The functions of dbt's `exceptions` that the macros use, for sqlfluff, which has no real values of vars."""


def raise_compiler_error(message: str) -> str:
    """Ignore the error: without real values of vars every check fails."""
    return ""
