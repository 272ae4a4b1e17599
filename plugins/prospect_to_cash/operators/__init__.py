"""Airflow operators, one for each kind of task: extract, transform, load, report."""
