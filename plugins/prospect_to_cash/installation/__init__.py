"""Settings of this installation: its dbt project, its vars and its overrides.

Owns no table; it reads environment variables and files.
"""
