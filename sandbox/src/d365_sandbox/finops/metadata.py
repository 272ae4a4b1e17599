"""The service document and the lighter JSON metadata under `/metadata/` (finops-odata sheet, section 2).

The members are those that public clients of the metadata service read; options `$filter`, `$select`, `$top`, `$skip`,
`$count` and `$orderby` work on the lists (which of them the service has is assumed).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.actions import Action, Actions
from d365_sandbox.finops.csdl import NAMESPACE, ax_type, enumerations, is_dimension
from d365_sandbox.finops.labels import label_id, label_text
from d365_sandbox.finops.reads import json_reply, read_options
from d365_sandbox.odata.addresses import Address, AddressError, parse_address
from d365_sandbox.odata.filter_parser import parse_filter
from d365_sandbox.odata.filter_tree import FilterError
from d365_sandbox.odata.matching import sortable
from d365_sandbox.odata.options import OptionError, Options
from d365_sandbox.odata.predicate import Dialect, compile_filter
from d365_sandbox.schemas.entity import Entity, Field, Fields
from d365_sandbox.web.messages import Call, Reply

_TYPE = "Microsoft.Dynamics.Metadata."
_DIALECT = Dialect(_TYPE, text_functions=True)
_CASE = re.compile(
    r"\bto(?:lower|upper)\((\w+)\)(?=[^']*(?:'[^']*'[^']*)*$)"
)  # comparisons ignore case anyway
_TEXTS = ("Name", "EntitySetName", "PublicEntityName", "PublicCollectionName", "LabelId", "EntityCategory")
_FLAGS = ("IsReadOnly", "ConfigurationEnabled", "DataServiceEnabled", "DataManagementEnabled")


def service_document(context: str, entities: Mapping[str, Entity]) -> dict[str, Any]:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(entities)]
    return {"@odata.context": context, "value": sets}


def json_metadata(entities: Mapping[str, Entity], actions: Actions, call: Call) -> Reply:
    """One of the lists, or one entry by its name. Raises Refused."""
    try:
        address = parse_address(call.path)
    except AddressError as error:
        raise errors.bad_request(str(error)) from None
    if call.method != "GET":
        raise errors.wrong_method(call.method)
    if address.set_name == "Labels" and address.key is not None:
        return _label(entities, address, call)
    rows = _list(address.set_name, entities, actions)
    if rows is None or address.rest not in ((), ("$count",)):
        return errors.no_set(call.root, call.path)
    context = f"{call.root}/metadata/$metadata#{address.set_name}"
    if address.key is not None:
        name = next(iter(address.key.values()))
        found = next((row for row in rows if row["Name"].casefold() == name.casefold()), None)
        if found is None:
            raise errors.no_row()
        return json_reply({"@odata.context": f"{context}/$entity", **found}, 200, {})
    return _page(rows, read_options(call.query), context, address)


def _page(rows: list[dict[str, Any]], options: Options, context: str, address: Address) -> Reply:
    try:
        rows = _chosen(rows, options)
        skip, top, count = options.number("$skip") or 0, options.number("$top"), options.count
    except (FilterError, OptionError) as error:
        raise errors.bad_request(str(error)) from None
    if address.rest:
        return Reply(
            200, {"Content-Type": "text/plain", "OData-Version": "4.0"}, str(len(rows)).encode("ascii")
        )
    answer: dict[str, Any] = {"@odata.context": context}
    if count:
        answer["@odata.count"] = len(rows)
    page = rows[skip:] if top is None else rows[skip : skip + top]
    select = options.select
    answer["value"] = [{n: row.get(n) for n in select} for row in page] if select else page
    return json_reply(answer, 200, {})


def _chosen(rows: list[dict[str, Any]], options: Options) -> list[dict[str, Any]]:
    """The rows that pass the filter, in order."""
    if options.filter:
        text = _CASE.sub(r"\1", options.filter)
        test = compile_filter(parse_filter(text, options.aliases), _DESCRIPTION, _DIALECT)
        rows = [row for row in rows if test(row)]
    for name, descending in reversed(options.orderby):
        rows = sorted(rows, key=lambda row: sortable(row.get(name)), reverse=descending)
    return rows


def _list(name: str, entities: Mapping[str, Entity], actions: Actions) -> list[dict[str, Any]] | None:
    if name == "PublicEntities":
        return [_public(e, entities, actions) for e in entities.values()]
    if name == "DataEntities":
        return [_data_entity(e) for e in entities.values()]
    if name == "PublicEnumerations":
        return [_enumeration(n, members) for n, members in enumerations(entities).items()]
    return None


def _label(entities: Mapping[str, Entity], address: Address, call: Call) -> Reply:
    key = address.key or {}
    identifier, language = key.get("Id", ""), key.get("Language", "en-us")
    text = label_text(entities, identifier)
    if text is None:
        raise errors.no_row()
    context = f"{call.root}/metadata/$metadata#Labels/$entity"
    answer: Fields = {"@odata.context": context, "Id": identifier, "Language": language, "Value": text}
    return json_reply(answer, 200, {})


def _data_entity(entity: Entity) -> dict[str, Any]:
    return {
        "Name": entity.label,
        "PublicEntityName": entity.type_name,
        "PublicCollectionName": entity.set_name,
        "LabelId": label_id(entity),
        "DataServiceEnabled": True,
        "DataManagementEnabled": True,
        "EntityCategory": entity.category,
        "IsReadOnly": entity.read_only,
    }


def _enumeration(name: str, members: Mapping[str, int]) -> dict[str, Any]:
    short = name.rpartition(".")[2]
    return {
        "Name": short,
        "LabelId": None,
        "Members": [
            {"Name": m, "Value": v, "LabelId": None, "ConfigurationEnabled": True} for m, v in members.items()
        ],
    }


def _public(entity: Entity, entities: Mapping[str, Entity], actions: Actions) -> dict[str, Any]:
    return {
        "Name": entity.type_name,
        "EntitySetName": entity.set_name,
        "LabelId": label_id(entity),
        "IsReadOnly": entity.read_only,
        "ConfigurationEnabled": True,
        "Properties": [_property(entity, f) for f in entity.fields.values()],
        "NavigationProperties": [
            {
                "Name": r.name,
                "RelatedEntity": entities[r.target_set].type_name,
                "RelatedRelationName": r.partner or None,
                "Cardinality": "Multiple" if r.many else "Single",
                "Constraints": [
                    {
                        "@odata.type": f"#{_TYPE}ReferentialConstraint",
                        "Property": own,
                        "ReferencedProperty": other,
                    }
                    for own, other in r.pairs
                ],
            }
            for r in entity.relations.values()
        ],
        "PropertyGroups": [],
        "Actions": [_action(a, entity) for a in actions.of(entity)],
    }


def _property(entity: Entity, described: Field) -> dict[str, Any]:
    return {
        "Name": described.name,
        "TypeName": described.edm,
        "DataType": ax_type(described),
        "LabelId": label_id(entity, described),
        "IsKey": described.is_key,
        "IsMandatory": described.required == "yes" or described.is_key,
        "ConfigurationEnabled": described.enabled,
        "AllowEdit": described.on_update,
        "AllowEditOnCreate": described.on_create,
        "IsDimension": is_dimension(described),
        "DimensionRelation": None,
        "IsDynamicDimension": False,
        "DimensionLegalEntityProperty": None,
        "DimensionTypeProperty": None,
    }


def _action(action: Action, entity: Entity) -> dict[str, Any]:
    kind = f"{NAMESPACE}.{entity.type_name}"
    parameters = [
        (entity.type_name, kind, not action.on_row),
        *((n, t, False) for n, t in action.parameters.items()),
    ]
    return {
        "Name": action.name,
        "BindingKind": "BoundToEntityInstance" if action.on_row else "BoundToEntitySet",
        "Parameters": [
            {"Name": name, "Type": {"TypeName": edm, "IsCollection": many}} for name, edm, many in parameters
        ],
        "ReturnType": {"TypeName": action.returns, "IsCollection": False} if action.returns else None,
        "FieldLookup": None,
    }


def _described(name: str, kind: str) -> Field:
    edm = "Edm.Boolean" if kind == "boolean" else "Edm.String"
    return Field(
        name=name, logical=name, kind=kind, edm=edm, source_type=edm, empty="" if kind == "string" else False
    )


_DESCRIPTION = Entity(
    system="finops",
    set_name="metadata",
    type_name="Entity",
    label="metadata",
    fields={
        **{name: _described(name, "string") for name in _TEXTS},
        **{name: _described(name, "boolean") for name in _FLAGS},
    },
    key_fields=("Name",),
)
