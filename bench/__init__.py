"""Measures the whole way of the records, and the stand-ins it is measured against."""
