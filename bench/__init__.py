"""Measures flows end to end, and the stand-ins that they run against."""
