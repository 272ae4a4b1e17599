"""The recurring integrations API under `/api/connector/` (finops-odata sheet, section 11)."""
