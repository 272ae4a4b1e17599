"""Copy the records of a source into raw tables, by the strategy that the card names.

Owns the tables ``raw.<system>_<entity>``, ``raw.seen``, ``raw.quarantine``, ``sync.coverage``, ``sync.reading``,
``sync.read_bound``, ``sync.change_link`` and ``sync.package_job``.
"""
