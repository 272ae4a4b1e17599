"""Pages of changes: deletions are split from new and changed records.

Dataverse marks a deletion by its context (`$deletedEntity`), OData 4.01 by `@removed`.
"""

import re
from dataclasses import replace

import orjson

from prospect_to_cash.clients.odata.pages import Garbled, Page

_MARKS = (b"$deletedEntity", b"@removed", b"@odata.removed")
_ID = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\)?\s*$")


def split_deletions(page: Page) -> Page:
    """The page with its deletions moved from `rows` to `deleted`. Raises Garbled for a deletion without an id."""
    if not any(mark in page.body for mark in _MARKS):
        return page
    whole = page.split_slow()
    rows: list[bytes] = []
    deleted: list[str] = []
    for row in whole.rows:
        key = _deleted_key(row)
        if key is None:
            rows.append(row)
        else:
            deleted.append(key)
    # Without the body the page cannot be cut again, which would turn the deletions back into rows.
    return replace(whole, rows=rows, deleted=tuple(deleted), body=b"")


def _deleted_key(row: bytes) -> str | None:
    """The id of the record that an entry reports as deleted; None for any other entry."""
    if not any(mark in row for mark in _MARKS):
        return None
    try:
        entry = orjson.loads(row)
    except orjson.JSONDecodeError:
        return None  # landing puts unreadable rows into quarantine
    if not isinstance(entry, dict) or not _is_deletion(entry):
        return None
    found = _ID.search(str(entry.get("id") or entry.get("@odata.id") or entry.get("@id") or ""))
    if not found:
        raise Garbled("A page of changes holds a deletion without an id.")
    return found[1].lower()


def _is_deletion(entry: dict[str, object]) -> bool:
    context = entry.get("@odata.context") or entry.get("@context")
    marked = isinstance(context, str) and context.endswith("$deletedEntity")
    return marked or "@removed" in entry or "@odata.removed" in entry
