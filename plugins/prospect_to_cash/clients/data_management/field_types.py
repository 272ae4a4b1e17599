"""The types of an entity set's fields, from the JSON metadata of the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from prospect_to_cash.clients.finops.client import FinOpsClient
from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata import literals
from prospect_to_cash.clients.odata.answers import json_object
from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.errors import Misconfigured

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NUMBERS = {"real": "number", "int32": "number", "int64": "number", "decimal": "number", "integer": "number"}
_KINDS = {**_NUMBERS, "date": "date", "utcdatetime": "moment", "datetimeoffset": "time", "enum": "enum"}


@dataclass(frozen=True)
class FieldType:
    """`kind` is text, number, date, moment or enum; `names` maps the spellings of a file to an enum's names."""

    kind: str
    names: Mapping[str, str] = field(default_factory=dict)


TEXT = FieldType("text")


def field_types(client: FinOpsClient, entity_set: str, fields: Sequence[str]) -> dict[str, FieldType]:
    """The types of some fields; without usable metadata they are derived from a record of the set."""
    try:
        properties = _properties(client, entity_set)
    except (Misconfigured, Garbled):
        return _types_of_a_record(client, entity_set, fields)
    if not properties:
        return _types_of_a_record(client, entity_set, fields)
    enums: dict[str, FieldType] = {}
    found: dict[str, FieldType] = {}
    unclear = []
    for name in fields:
        described = properties.get(name, {})
        short = str(described.get("TypeName") or "").rpartition(".")[2]
        kind = _KINDS.get(str(described.get("DataType") or "").lower()) or _KINDS.get(short.lower(), "text")
        if kind == "enum":
            found[name] = enums[short] = enums.get(short) or _enum(client, short)
        elif kind == "time":
            unclear.append(name)  # a date or a moment: only a value shows which
        else:
            found[name] = FieldType(kind)
    return found | (_types_of_a_record(client, entity_set, unclear) if unclear else {})


def _properties(client: FinOpsClient, entity_set: str) -> dict[str, dict[str, Any]]:
    """The metadata of each property of a set's entity."""
    query = literals.query({"$filter": f"PublicCollectionName eq {literals.literal(entity_set)}"})
    listed = client.get(f"/metadata/DataEntities?{query}", _json, what="the metadata").get("value")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    entity = next((row for row in rows if row.get("PublicCollectionName") == entity_set), None)
    if entity is None:
        return {}
    name = quote(literals.literal(str(entity.get("PublicEntityName") or "")), safe="'")
    found = client.get(f"/metadata/PublicEntities({name})", _json, what="the metadata").get("Properties")
    return {str(p.get("Name")): p for p in found if isinstance(p, dict)} if isinstance(found, list) else {}


def _enum(client: FinOpsClient, name: str) -> FieldType:
    """An enum by every spelling of its members: names, labels, and integers that are not shared."""
    path = f"/metadata/PublicEnumerations({quote(literals.literal(name), safe=chr(39))})"
    try:
        found = client.get(path, _json, what="the metadata").get("Members")
    except (Misconfigured, Garbled):
        return TEXT
    members = [member for member in found if isinstance(member, dict)] if isinstance(found, list) else []
    names: dict[str, str] = {}
    values = [member.get("Value") for member in members]
    for member in members:
        if values.count(member.get("Value")) == 1:
            names.setdefault(str(member["Value"]), str(member.get("Name")))
    for also in ("LabelText", "Name"):  # a name wins over another member's label
        names |= {str(m[also]).casefold(): str(m.get("Name")) for m in members if m.get(also)}
    return FieldType("enum", names)


def _types_of_a_record(client: FinOpsClient, entity_set: str, fields: Sequence[str]) -> dict[str, FieldType]:
    options = {"$select": ",".join(fields), "$top": "1", "cross-company": "true"}
    page = client.get(f"{literals.record_path(entity_set)}?{literals.query(options)}", _json, what=entity_set)
    rows = page.get("value")
    record = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    return {name: _type_of(record.get(name)) for name in fields}


def _type_of(value: object) -> FieldType:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return FieldType("number")
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return FieldType("date" if "T12:00:00" in value else "moment")
    return TEXT


def _json(reply: Reply) -> dict[str, Any]:
    try:
        return json_object(reply.body)
    except (ValueError, orjson.JSONDecodeError):
        raise Garbled("The metadata is not a JSON object.") from None
