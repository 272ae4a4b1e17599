"""Count one outcome per driving record, and give the reasons in sentences.

Owns no table: a run's report is stored in ``sync.run``.
"""
