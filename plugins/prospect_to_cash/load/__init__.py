"""Send the rows of a frozen plan and record the target's answers.

Owns the tables ``sync.ledger``, ``sync.attempt``, ``sync.stray`` and ``sync.lease``.
"""
