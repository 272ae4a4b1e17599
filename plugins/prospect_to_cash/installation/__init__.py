"""Settings of this installation: its dbt project, its vars, and the template that a new one is made from.

Owns no table; it reads environment variables and files.
"""
