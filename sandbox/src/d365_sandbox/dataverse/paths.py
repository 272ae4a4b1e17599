"""What may follow a row in a URL: one of its values, related rows, their references, their count."""

from __future__ import annotations

from collections.abc import Mapping

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.reads import Reader
from d365_sandbox.dataverse.related import Related
from d365_sandbox.dataverse.relationships import PRINCIPAL, Relationship
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.addresses import Address, AddressError, is_guid, parse_address
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply

_HEADERS = {"Content-Type": errors.JSON, "OData-Version": "4.0"}


class PathReader:
    """Follows navigation properties from a row (dataverse sheet, section 3)."""

    def __init__(self, reader: Reader, related: Related, entities: Mapping[str, Entity]) -> None:
        self._reader = reader
        self._related = related
        self._entities = entities

    def read(self, call: Call, entity: Entity, row: Row, rest: tuple[str, ...]) -> Reply:
        """The answer for a row and the segments behind it. Raises Refused: 404 for one that means nothing."""
        if not rest:
            return self._reader.known(call, entity, row)
        if rest == ("$ref",):
            return _references(call, [f"{entity.set_name}({row.key})"], single=True)
        try:
            segment = parse_address(rest[0])
        except AddressError as error:
            raise errors.bad_query(str(error)) from None
        name, more = segment.set_name, rest[1:]
        relationship = self._related.relationship(entity, name)
        if relationship is not None:
            return self._collection(call, relationship, row, segment, more)
        if segment.key is None and name in self._related.relationships.lookups[entity.set_name]:
            return self._single(call, entity, row, name, more)
        if segment.key is None and name in entity.fields and more in ((), ("$value",)):
            return self._value(call, entity, row, name, raw=bool(more))
        raise errors.no_resource(name)

    def _single(self, call: Call, entity: Entity, row: Row, name: str, more: tuple[str, ...]) -> Reply:
        """The row that a lookup leads to; 204 when it is empty, as OData has it."""
        target = self._related.target(self._related.relationships.lookups[entity.set_name][name][1])
        found = self._related.row(entity, name, row.fields)
        if found is None:
            return Reply(204, {"OData-Version": "4.0"})
        if target.type_name == PRINCIPAL:
            target = self._entities["systemusers" if "systemuserid" in found.fields else "teams"]
        return self.read(call, target, found, more)

    def _collection(
        self, call: Call, relationship: Relationship, owner: Row, segment: Address, more: tuple[str, ...]
    ) -> Reply:
        if segment.key is not None:
            return self.read(call, relationship.referencing, self._member(relationship, owner, segment), more)
        if more == ("$count",):
            return self._reader.collection_count(call, relationship, owner)
        if more == ("$ref",):
            rows = self._related.rows(relationship, str(owner.key))
            return _references(call, [f"{relationship.referencing.set_name}({r.key})" for r in rows])
        if more:
            raise errors.no_resource(more[0])
        return self._reader.collection(call, relationship, owner)

    def _member(self, relationship: Relationship, owner: Row, segment: Address) -> Row:
        """A row of a collection, named by its primary key."""
        row_id = next(iter((segment.key or {}).values())).lower()
        if not is_guid(row_id) or len(segment.key or {}) != 1:
            raise errors.bad_query(f"Bad Request - Error in query syntax: '{row_id}' is no primary key.")
        rows = self._related.rows(relationship, str(owner.key))
        found = next((row for row in rows if row.key == row_id), None)
        if found is None:
            raise errors.no_row(relationship.referencing.type_name, row_id)
        return found

    def _value(self, call: Call, entity: Entity, row: Row, name: str, raw: bool) -> Reply:
        value = row.fields.get(name)
        if value is None:
            return Reply(204, {"OData-Version": "4.0"})
        if raw:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            headers = {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"}
            return Reply(200, headers, text.encode("utf-8", "surrogatepass"))
        context = f"{call.base}$metadata#{entity.set_name}({row.key})/{name}"
        return Reply(200, dict(_HEADERS), dumps({"@odata.context": context, "value": value}))


def _references(call: Call, paths: list[str], single: bool = False) -> Reply:
    """Addresses instead of rows."""
    links = [{"@odata.id": f"{call.base}{path}"} for path in paths]
    if single:
        return Reply(200, dict(_HEADERS), dumps({"@odata.context": f"{call.base}$metadata#$ref", **links[0]}))
    answer = {"@odata.context": f"{call.base}$metadata#Collection($ref)", "value": links}
    return Reply(200, dict(_HEADERS), dumps(answer))
