"""Pages of changes: what is new or changed is told apart from what is deleted.

Dataverse marks a deletion by its context (dataverse sheet, section 5.4), OData 4.01 by ``@removed``.
"""

import re
from dataclasses import replace

import orjson

from prospect_to_cash.clients.pages import Garbled, Page

_MARKS = (b"$deletedEntity", b"@removed", b"@odata.removed")
_ID = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\)?\s*$")


def told_apart(page: Page) -> Page:
    """The page with its deletions moved from ``rows`` to ``deleted``. Raises Garbled for one without an id."""
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
    # Without its body nobody cuts the page again, which would bring the deletions back as rows.
    return replace(whole, rows=rows, deleted=tuple(deleted), body=b"")


def _deleted_key(row: bytes) -> str | None:
    """The id of the record that an entry says is deleted; None for any other entry."""
    if not any(mark in row for mark in _MARKS):
        return None
    try:
        said = orjson.loads(row)
    except orjson.JSONDecodeError:
        return None  # for the door of the raw table, which keeps unreadable rows aside
    if not isinstance(said, dict) or not _is_deletion(said):
        return None
    found = _ID.search(str(said.get("id") or said.get("@odata.id") or said.get("@id") or ""))
    if not found:
        raise Garbled("A page of changes names a deletion without its id.")
    return found[1].lower()


def _is_deletion(said: dict[str, object]) -> bool:
    context = said.get("@odata.context") or said.get("@context")
    marked = isinstance(context, str) and context.endswith("$deletedEntity")
    return marked or "@removed" in said or "@odata.removed" in said
