"""Read back what the target has and compare it with outbound and with the ledger's belief.

Owns the tables ``sync.reconcile`` and ``sync.finding``; ``beliefs`` corrects rows of ``sync.ledger``.
"""
