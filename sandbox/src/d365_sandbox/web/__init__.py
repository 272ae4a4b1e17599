"""Requests and replies as both systems see them, the log of requests, and limits per user."""
