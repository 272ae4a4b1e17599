"""The Data management package API: projects, packages, jobs and a blob store of its own (finops-odata sheet,
sections 10 and 12)."""
