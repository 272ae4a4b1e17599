"""The running server: settings, certificates, first records, the admin API, and the start of both systems."""
