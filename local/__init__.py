"""What runs on one machine without Docker: installation, embedded Postgres, sandboxes, Airflow."""
