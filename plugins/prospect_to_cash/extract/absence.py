"""Records that a complete full read has not met: candidates for deletion."""

from __future__ import annotations

from dataclasses import dataclass

from prospect_to_cash.extract import seen_keys
from prospect_to_cash.extract.raw_table import RawTable


@dataclass(frozen=True)
class Absences:
    """``keys`` of the records that a full read has not met, out of ``existing`` records; the read has met ``seen`` rows.

    ``seen`` is None when a crash of Postgres has lost the keys of the read.
    """

    keys: list[str]
    existing: int
    seen: int | None

    @property
    def looks_emptied(self) -> bool:
        """Whether fewer than half of the records are left: more likely a fault than a clean-up, however small the table.

        Two records of which none is left count too. A single one that goes is an ordinary deletion: nothing tells it
        from a fault, and no more than that one record depends on it.
        """
        left = self.existing - len(self.keys)
        return self.existing >= 2 and left * 2 < self.existing


def find_absences(table: RawTable, read_id: int) -> Absences:
    """Compare the records of the raw table with the keys that the read has met."""
    with table.connection, table.connection.cursor() as cursor:
        seen = seen_keys.count(cursor, read_id)
        existing = table.count(cursor)
        return Absences(table.keys_not_seen(cursor, read_id), existing, seen)
