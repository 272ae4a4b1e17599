"""The service document, a plain CSDL and the lighter JSON metadata of the described data entities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from sandbox.description import Entity, Field
from sandbox.finops import errors
from sandbox.finops.reads import json_reply
from sandbox.odata_subset.addresses import AddressError, parse_address
from sandbox.web import Call, Reply

_NAMESPACE = "Microsoft.Dynamics.DataEntities"


def service_document(context: str, entities: Mapping[str, Entity]) -> dict[str, Any]:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(entities)]
    return {"@odata.context": context, "value": sets}


def csdl(entities: Mapping[str, Entity]) -> bytes:
    """Enumerations, entity types and sets. Lengths are not published."""
    out = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>',
        f'<Schema Namespace="{_NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
    ]
    for name, members in _enums(entities).items():
        out.append(f'<EnumType Name="{name.rpartition(".")[2]}">')
        out += [f'<Member Name="{member}" Value="{value}" />' for member, value in members.items()]
        out.append("</EnumType>")
    for entity in entities.values():
        out.append(f"<EntityType Name={quoteattr(entity.type_name)}><Key>")
        out += [f'<PropertyRef Name="{key}" />' for key in entity.key_fields]
        out.append("</Key>")
        for f in entity.fields.values():
            nullable = "" if f.kind in ("string", "enum") else ' Nullable="false"'
            out.append(f'<Property Name="{f.name}" Type="{f.edm}"{nullable} />')
        out.append("</EntityType>")
    out.append('<EntityContainer Name="Resources">')
    for name, entity in entities.items():
        out.append(f'<EntitySet Name="{name}" EntityType="{_NAMESPACE}.{entity.type_name}" />')
    out.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "\n".join(out).encode("utf-8")


def json_metadata(entities: Mapping[str, Entity], call: Call) -> Reply:
    """`/metadata/PublicEntities`, `/metadata/PublicEntities('X')` and the lists beside them. Raises
    Refused."""
    try:
        address = parse_address(call.path)
    except AddressError as error:
        raise errors.bad_request(str(error)) from None
    context = f"{call.root}/metadata/$metadata#{address.set_name}"
    if call.method != "GET":
        raise errors.Refused(405, f"The requested resource does not support http method '{call.method}'.")
    if address.set_name == "PublicEntities" and address.key is not None:
        name = next(iter(address.key.values()))
        found = next((e for e in entities.values() if e.type_name == name), None)
        if found is None:
            raise errors.no_row()
        return json_reply({"@odata.context": f"{context}/$entity", **_public(found)}, 200, {})
    if address.set_name == "PublicEntities":
        value = [_public(e) for e in entities.values()]
    elif address.set_name == "DataEntities":
        value = [
            {
                "Name": e.label,
                "PublicEntityName": e.type_name,
                "PublicCollectionName": e.set_name,
                "LabelId": e.primary_name,
                "DataServiceEnabled": True,
                "IsReadOnly": False,
            }
            for e in entities.values()
        ]
    elif address.set_name == "PublicEnumerations":
        value = [
            {"Name": n.rpartition(".")[2], "Members": [{"Name": m, "Value": v} for m, v in members.items()]}
            for n, members in _enums(entities).items()
        ]
    else:
        return errors.no_set(call.root, call.path)
    return json_reply({"@odata.context": context, "value": value}, 200, {})


def _public(entity: Entity) -> dict[str, Any]:
    return {
        "Name": entity.type_name,
        "EntitySetName": entity.set_name,
        "LabelId": entity.primary_name,
        "IsReadOnly": False,
        "Properties": [_property(f) for f in entity.fields.values()],
    }


def _property(described: Field) -> dict[str, Any]:
    return {
        "Name": described.name,
        "TypeName": described.edm,
        "DataType": {"enum": "Enum", "decimal": "Real", "integer": "Int32"}.get(described.kind, "String"),
        "IsKey": described.is_key,
        "IsMandatory": described.required != "",
        "AllowEdit": described.on_update,
        "AllowEditOnCreate": described.on_create,
    }


def _enums(entities: Mapping[str, Entity]) -> dict[str, Mapping[str, int]]:
    return {f.edm: f.members for e in entities.values() for f in e.fields.values() if f.kind == "enum"}
