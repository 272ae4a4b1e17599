"""`$ref`: associating and disassociating rows at lookups and collections (dataverse sheet, sections 3 and 6)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.derived import pointing
from d365_sandbox.dataverse.payload import PayloadReader, parse_body
from d365_sandbox.dataverse.relationships import Relationship, Relationships
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call

_MEMBER = re.compile(r"(\w+)\((.+)\)")


class References:
    """Changes what a navigation property of a row refers to."""

    def __init__(self, relationships: Relationships, reader: PayloadReader, writer: Writer) -> None:
        self._relationships = relationships
        self._reader = reader
        self._writer = writer

    def change(self, call: Call, entity: Entity, row: Row, segment: str, tx: Transaction) -> None:
        """PUT and DELETE at a lookup, POST and DELETE at a collection. Raises Refused."""
        member = _MEMBER.fullmatch(segment)
        navigation = member[1] if member else segment
        collection = self._relationships.collections[entity.set_name].get(navigation)
        if collection is not None:
            self._collection(call, entity, row, collection, member[2] if member else None, tx)
        elif navigation in entity.navigation and member is None:
            self._lookup(call, entity, row, navigation, tx)
        else:
            raise errors.no_resource(navigation)

    def _lookup(self, call: Call, entity: Entity, row: Row, navigation: str, tx: Transaction) -> None:
        lookup = entity.navigation[navigation]
        if not lookup.on_update:
            raise errors.invalid(
                f"The property '{navigation}' of '{entity.type_name}' is not valid for update."
            )
        if call.method == "PUT":
            given = self._reader.bound(entity, navigation, _reference(call, entity))
        elif call.method == "DELETE":
            given = pointing(lookup.name, None, None)
        else:
            raise _not_allowed(call)
        self._writer.update(tx, entity, row, given)

    def _collection(
        self, call: Call, entity: Entity, row: Row, collection: Relationship, key: str | None, tx: Transaction
    ) -> None:
        child, lookup = collection.referencing, collection.lookup
        if call.method == "POST" and key is None:
            _, other = self._reader.row(_reference(call, entity), child)
            self._writer.update(tx, child, other, self._reader.pointing_at(lookup, entity, row))
        elif call.method == "DELETE":
            reference = _id_option(call.query) if key is None else f"{child.set_name}({key})"
            _, other = self._reader.row(reference, child)
            if other.fields.get(lookup.name) != row.key:
                raise errors.no_row(child.type_name, str(other.key))
            self._writer.update(tx, child, other, pointing(lookup.name, None, None))
        else:
            raise _not_allowed(call)


def _reference(call: Call, entity: Entity) -> Any:
    body = parse_body(entity.set_name, call.body)
    call.fields = tuple(name for name in body if not name.startswith("@"))
    if set(body) - {"@odata.id", "@odata.context"}:
        raise errors.bad_payload(entity.set_name, "The body of a reference holds nothing but '@odata.id'.")
    return body.get("@odata.id")


def _id_option(query: str) -> str | None:
    """The row that `?$id=` names in a DELETE of a collection's reference."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if unquote_plus(name) in ("$id", "@id", "@odata.id"):
            return unquote_plus(value)
    return None


def _not_allowed(call: Call) -> errors.Refused:
    return errors.Refused(
        405, "0x80060888", f"The requested resource does not support http method '{call.method}'."
    )
