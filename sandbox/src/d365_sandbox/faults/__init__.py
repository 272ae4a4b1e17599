"""Fault injection: rules, set through the admin API, that change or break responses. Without rules none of
this runs."""
