"""The functions of dbt's namespace that the macros use, for sqlfluff, which renders them with plain Jinja."""


def escape_single_quotes(value: str) -> str:
    """The same as dbt's own for Postgres."""
    return value.replace("'", "''")
