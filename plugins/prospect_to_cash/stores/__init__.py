"""What is kept in Postgres; the only Python that holds SQL."""
