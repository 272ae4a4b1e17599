"""What the macros use of dbt's own namespace, for sqlfluff, which renders them with plain Jinja."""


def escape_single_quotes(value: str) -> str:
    """As dbt has it for Postgres."""
    return value.replace("'", "''")
