"""Prospect to cash: records between Dynamics 365 Sales and Finance & Operations, by way of Postgres."""
