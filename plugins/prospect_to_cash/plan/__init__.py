"""Compare outbound with what the target last accepted, and freeze what a run sends.

Owns the tables ``sync.run``, ``sync.identity`` and ``sync.plan``.
"""
