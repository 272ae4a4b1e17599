"""The rows of a new environment: countries, and the states of two of them.

Country ids are the three-letter codes that the standard configuration uses; only the United States and Canada
come with states here (assumed).
"""

from __future__ import annotations

import csv
from pathlib import Path

from d365_sandbox.finops.rows import new_version
from d365_sandbox.schemas.entity import Fields
from d365_sandbox.store.store import Store

_ROWS = Path(__file__).parent / "foundation_rows"


def lay_foundation(store: Store) -> None:
    """Store countries and states, once."""
    if len(store.tables["AddressCountryRegions"]):
        return
    with store.transaction() as tx:
        for path in sorted(_ROWS.glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as handle:
                for record in csv.DictReader(handle):
                    fields: Fields = dict(record)
                    tx.put(path.stem, fields, new_version(tx))
    store.flush()
