"""Packages of Data management in Finance & Operations: jobs, their files, and the contents of files."""
