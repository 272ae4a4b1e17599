"""Columns as `AttributeMetadata` and its kinds (dataverse sheet, section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from d365_sandbox.dataverse.definition import Definition, Json, label, managed, metadata_id, no_label, words
from d365_sandbox.schemas.entity import Entity, Field

BASE = "AttributeMetadata"
_LARGEST_TEXT = {"String": 4000, "Memo": 1_048_576}
_WHOLE = (-2_147_483_648, 2_147_483_647)
_DECIMAL = (-100_000_000_000.0, 100_000_000_000.0)
_MONEY = (-922_337_203_685_477.0, 922_337_203_685_477.0)
_REQUIRED = ("None", "SystemRequired", "ApplicationRequired", "Recommended")
_CUSTOMERS = {"account", "contact"}
_OWNERS = {"systemuser", "team"}
_OF_CHOICES = ("Picklist", "State", "Status", "Boolean")
_OWN_KINDS = {
    "Uniqueidentifier": "UniqueIdentifierAttributeMetadata",
    "BigInt": "BigIntAttributeMetadata",
}


def column(entity: Entity, described: Field, number: int) -> Definition:
    """One column with the properties of its kind."""
    kind = attribute_type(described)
    name = _OWN_KINDS.get(described.source_type, f"{described.source_type}AttributeMetadata")
    data = {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{name}",
        **_common(entity, described, kind, number),
        **_of_kind(entity, described),
    }
    links = {}
    if described.source_type in _OF_CHOICES:
        links = {"OptionSet": lambda: option_set(entity, described), "GlobalOptionSet": lambda: None}
    return Definition(name, BASE, data, links)


def attribute_type(described: Field) -> str:
    """The member of AttributeTypeCode: lookups of customers and owners have their own."""
    if described.source_type == "Lookup":
        special = {frozenset(_CUSTOMERS): "Customer", frozenset(_OWNERS): "Owner"}
        return special.get(frozenset(described.targets), "Lookup")
    return described.source_type


@cache
def common_names() -> frozenset[str]:
    """What every column has: what can be selected without a cast."""
    entity = Entity("sales", "", "", "", {}, ("",))
    return frozenset(_common(entity, Field("", "", "", "", ""), "", 0))


def _common(entity: Entity, described: Field, kind: str, number: int) -> Json:
    table, name = entity.type_name, described.logical
    required = described.required if described.required in _REQUIRED else "None"
    return {
        "AttributeOf": None,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "AutoNumberFormat": "",
        "CanBeSecuredForCreate": described.on_create,
        "CanBeSecuredForRead": True,
        "CanBeSecuredForUpdate": described.on_update,
        "ColumnNumber": number,
        "CreatedOn": "1900-01-01T00:00:00Z",
        "DeprecatedVersion": None,
        "Description": no_label(),
        "DisplayName": label(words(name), table, name),
        "EntityLogicalName": table,
        "ExternalName": None,
        "HasChanged": None,
        "InheritsFrom": None,
        "IntroducedVersion": "5.0.0.0",
        "IsAuditEnabled": managed(True, "canmodifyauditsettings"),
        "IsCustomAttribute": False,
        "IsCustomizable": managed(True, "iscustomizable"),
        "IsDataSourceSecret": False,
        "IsFilterable": True,
        "IsGlobalFilterEnabled": managed(False, "canmodifyglobalfiltersettings"),
        "IsLogical": False,
        "IsManaged": True,
        "IsPrimaryId": described.is_key,
        "IsPrimaryName": name == entity.primary_name,
        "IsRenameable": managed(True, "isrenameable"),
        "IsRequiredForForm": False,
        "IsRetrievable": True,
        "IsSearchable": described.kind == "string",
        "IsSecured": False,
        "IsSortableEnabled": managed(False, "canmodifyissortablesettings"),
        "IsValidForAdvancedFind": managed(True, "canmodifysearchsettings"),
        "IsValidForCreate": described.on_create,
        "IsValidForForm": True,
        "IsValidForGrid": True,
        "IsValidForRead": True,
        "IsValidForUpdate": described.on_update and not described.is_key,
        "IsValidODataAttribute": True,
        "LinkedAttributeId": None,
        "LogicalName": name,
        "MetadataId": metadata_id("column", table, name),
        "ModifiedOn": "1900-01-01T00:00:00Z",
        "RequiredLevel": {
            "Value": required,
            "CanBeChanged": required != "SystemRequired",
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "SchemaName": name[:1].upper() + name[1:],
        "SourceType": 0,
    }


def _of_kind(entity: Entity, described: Field) -> Json:
    """What only this kind of column has."""
    kind = described.source_type
    if kind in _LARGEST_TEXT:
        return _text(described, kind)
    if kind == "Integer":
        low, high = _bounds(described, _WHOLE)
        return {"Format": "None", "MinValue": int(low), "MaxValue": int(high), "FormulaDefinition": ""}
    if kind == "BigInt":
        return {"MinValue": -9_223_372_036_854_775_808, "MaxValue": 9_223_372_036_854_775_807}
    if kind in ("Decimal", "Double"):
        low, high = _bounds(described, _DECIMAL)
        return {"ImeMode": "Disabled", "MinValue": low, "MaxValue": high, "Precision": 10}
    if kind == "Money":
        return _money(described)
    if kind == "DateTime":
        return _date(described)
    if kind == "Lookup":
        return {"Targets": list(described.targets), "Format": "None"}
    if kind in ("Picklist", "State", "Status"):
        default = entity.defaults.get(described.name, -1)
        return {
            "DefaultFormValue": default,
            "ParentPicklistLogicalName": None,
            "ChildPicklistLogicalNames": [],
        }
    if kind == "Boolean":
        return {"DefaultValue": bool(entity.defaults.get(described.name, False)), "FormulaDefinition": ""}
    return {}


def _text(described: Field, kind: str) -> Json:
    longest = described.max_length or (100 if kind == "String" else 2000)
    shape = "TextArea" if kind == "Memo" else "Text"
    return {
        "Format": shape,
        "FormatName": {"Value": shape},
        "ImeMode": "Auto",
        "IsLocalizable": False,
        "MaxLength": longest,
        **(
            {"DatabaseLength": longest * 2, "YomiOf": None, "FormulaDefinition": ""}
            if kind == "String"
            else {}
        ),
    }


def _money(described: Field) -> Json:
    low, high = _bounds(described, _MONEY)
    is_base = described.name.endswith("_base")
    return {
        "CalculationOf": described.name.removesuffix("_base") if is_base else None,
        "FormulaDefinition": "",
        "ImeMode": "Disabled",
        "IsBaseCurrency": is_base,
        "MaxValue": high,
        "MinValue": low,
        "Precision": 4,
        "PrecisionSource": 2,
    }


def _date(described: Field) -> Json:
    day = described.edm == "Edm.Date"
    return {
        "CanChangeDateTimeBehavior": managed(not day, "canchangedatetimebehavior"),
        "DateTimeBehavior": {"Value": "DateOnly" if day else "UserLocal"},
        "Format": "DateOnly" if day else "DateAndTime",
        "FormulaDefinition": "",
        "ImeMode": "Inactive",
        "MaxSupportedValue": "9999-12-30T23:59:59Z",
        "MinSupportedValue": "1753-01-01T00:00:00Z",
    }


def _bounds(described: Field, otherwise: tuple[float, float]) -> tuple[float, float]:
    low, high = described.minimum, described.maximum
    return (otherwise[0] if low is None else low, otherwise[1] if high is None else high)


def option_set(entity: Entity, described: Field) -> Definition:
    """The choices of a column; all of them are local to it (which ones the service shares is not published)."""
    table, name = entity.type_name, described.logical
    kind = described.source_type
    data: Json = {
        "DisplayName": label(words(name), table, name, "options"),
        "Description": no_label(),
        "HasChanged": None,
        "IsCustomOptionSet": False,
        "IsCustomizable": managed(True, "iscustomizable"),
        "IsGlobal": False,
        "IsManaged": True,
        "IntroducedVersion": "5.0.0.0",
        "MetadataId": metadata_id("option set", table, name),
        "Name": f"{table}_{name}",
        "OptionSetType": kind,
        "ParentOptionSetName": None,
    }
    if kind == "Boolean":
        data |= {"TrueOption": _option(1, "Yes", table, name), "FalseOption": _option(0, "No", table, name)}
        return Definition("BooleanOptionSetMetadata", "BooleanOptionSetMetadata", data)
    data["Options"] = [
        {**_option(value, text, table, name), **_state(described, value)}
        for value, text in described.options.items()
    ]
    return Definition("OptionSetMetadata", "OptionSetMetadata", data)


def _option(value: int, text: str, *names: str) -> Json:
    return {
        "Value": value,
        "Label": label(text, *names, str(value)),
        "Description": no_label(),
        "Color": None,
        "ExternalValue": "",
        "IsManaged": True,
        "MetadataId": None,
        "HasChanged": None,
        "ParentValues": [],
    }


def _state(described: Field, value: int) -> Mapping[str, Any]:
    """A status belongs to a state; a state begins with its first status."""
    if described.source_type == "Status":
        return {"State": described.state_of.get(value, 0), "TransitionData": None}
    if described.source_type == "State":
        return {"DefaultStatus": None, "InvariantName": described.options[value]}
    return {}
