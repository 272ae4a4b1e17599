"""Rows of one system: kept in memory in key order, journalled to disk so that they survive a kill."""
