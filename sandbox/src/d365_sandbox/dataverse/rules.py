"""Business rules of the product catalogue, states and unique columns (dataverse-web-api sheet, sections 6, 8
and 9)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.entities import ACTIVE, DRAFT, RETIRED, STATUS_OF_STATE, UNDER_REVISION
from d365_sandbox.dataverse.foundation import BUSINESS_UNIT, settings_of
from d365_sandbox.schemas.entity import Entity, Fields, Key, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_MOVES: dict[Wire, set[int]] = {
    DRAFT: {ACTIVE},
    ACTIVE: {RETIRED, UNDER_REVISION},
    UNDER_REVISION: {ACTIVE, RETIRED},
    RETIRED: {ACTIVE},
}
"""Which product states may follow which (assumed; only Draft to Active and Active to Retired are
documented)."""


def check_required(entity: Entity, fields: Fields) -> None:
    """Columns that the system itself requires; those that only the application requires are
    not enforced."""
    for name, logical in _required(entity):
        if fields.get(name) is None:
            raise errors.invalid(f"Required field '{logical}' is missing for entity '{entity.type_name}'.")


@cache
def _required(entity: Entity) -> tuple[tuple[str, str], ...]:
    return tuple(
        (described.name, described.logical)
        for described in entity.fields.values()
        if described.required == "SystemRequired" and described.on_create and not described.is_key
    )


def check_unique(tx: Transaction, entity: Entity, fields: Fields) -> None:
    """Unique columns and declared alternate keys. A row without all values of a key is not compared."""
    for columns in (*entity.unique, *entity.alternate_keys):
        others = _alike(tx, entity, fields, columns)
        if others and columns in entity.alternate_keys:
            names = ", ".join(columns)
            raise errors.Refused(
                412,
                "0x80060892",
                f"Entity Key {names} violated. A record with the same value for {names} already "
                f"exists. A duplicate "
                "record cannot be created. Select one or more unique values and try again.",
            )
        if others:
            raise errors.duplicate()


def check_duplicates(tx: Transaction, entity: Entity, fields: Fields) -> None:
    """The rules of duplicate detection, which only some callers ask for. The sentence is assumed."""
    if any(_alike(tx, entity, fields, columns) for columns in entity.duplicate_rules):
        raise errors.Refused(
            412,
            "0x80040333",
            "A record was not created or updated because a duplicate of the current record already exists.",
        )


def _alike(tx: Transaction, entity: Entity, fields: Fields, columns: tuple[str, ...]) -> set[Key]:
    """Other rows with the same values in these columns; none for a row that lacks one of them."""
    if any(fields.get(name) is None for name in columns):
        return set()
    table = tx.table(entity.set_name)
    same = (table.holding(name, fields[name]) for name in columns)
    return set.intersection(*same) - {entity.key_of(fields)}


def settle_state(entity: Entity, before: Mapping[str, Wire], given: Fields, fields: Fields) -> None:
    """Complete a change of state with its default status and refuse pairs that do not belong together."""
    if "statecode" not in entity.fields or not ({"statecode", "statuscode"} & set(given)):
        return
    state, status = fields.get("statecode"), fields.get("statuscode")
    status_field = entity.fields["statuscode"]
    if "statecode" in given and "statuscode" not in given:
        status = next((s for s, of in status_field.state_of.items() if of == state), None)
        fields["statuscode"] = status
    if not isinstance(status, int) or status_field.state_of.get(status) != state:
        raise errors.Refused(
            400,
            "0x80048408",
            f"{status} is not a valid status code for state code {entity.type_name}State.{state} on "
            f"{entity.type_name} with Id {fields[entity.key_fields[0]]}.",
        )
    old = before.get("statecode")
    if entity.set_name == "products" and old != state and state not in _MOVES.get(old, ()):
        raise errors.Refused(400, "0x80040233", f"The product cannot go from state {old} to state {state}.")


def before_create(tx: Transaction, entity: Entity, given: Fields, fields: Fields) -> None:
    """Complete and check a new row."""
    if entity.set_name == "products":
        _new_product(tx, given, fields)
    elif entity.set_name == "productpricelevels":
        _price_item(tx, fields)
    elif entity.set_name == "uoms":
        _unit(tx, fields)
    elif entity.set_name == "businessunits":
        fields.setdefault(
            "_parentbusinessunitid_value", BUSINESS_UNIT
        )  # without a parent: the root (assumed)


def before_update(tx: Transaction, entity: Entity, before: Row, given: Fields, fields: Fields) -> None:
    """Check a changed row."""
    if entity.set_name == "products":
        group = "_defaultuomscheduleid_value"
        if fields.get(group) != before.fields.get(group):
            raise errors.invalid("The unit group of an existing product cannot be changed.")
        _check_unit_of_product(tx, fields)
    elif entity.set_name == "productpricelevels" and given:
        _price_item(tx, fields)


def after_create(tx: Transaction, entity: Entity, fields: Fields) -> list[tuple[str, Fields]]:
    """Rows that come into being together with a new one: the base unit of a unit group, the default team of a
    business unit, the settings of a user.

    Without `baseuomname` the unit is called Primary Unit (assumed).
    """
    if entity.set_name == "businessunits":
        owner = fields["businessunitid"]
        return [("teams", {"name": fields["name"], "_businessunitid_value": owner, "isdefault": True})]
    if entity.set_name == "systemusers":
        return [("usersettingscollection", settings_of(fields))]
    if entity.set_name != "uomschedules":
        return []
    name = fields.get("baseuomname") or "Primary Unit"
    unit: Fields = {
        "name": name,
        "quantity": 1,
        "isschedulebaseuom": True,
        "_uomscheduleid_value": fields["uomscheduleid"],
    }
    return [("uoms", unit)]


def _new_product(tx: Transaction, given: Fields, fields: Fields) -> None:
    """New products are Draft, or Active where the organisation creates them so."""
    organization = tx.table("organizations").rows()[0].fields
    family = fields.get("productstructure") == 2 or fields.get("_parentproductid_value")
    active = organization.get("createproductswithoutparentinactivestate") is True and not family
    start = ACTIVE if active else DRAFT
    if given.get("statecode", start) != start:
        raise errors.Refused(
            400,
            "0x80048408",
            f"A product is created in state {start}; {given['statecode']} can only be set afterwards.",
        )
    fields["statecode"], fields["statuscode"] = start, STATUS_OF_STATE[start]
    _check_unit_of_product(tx, fields)


def _check_unit_of_product(tx: Transaction, fields: Fields) -> None:
    """A product needs a unit of its unit group; families have none. That both are required is assumed."""
    if fields.get("productstructure") == 2:
        return
    if fields.get("_defaultuomscheduleid_value") is None:
        raise errors.Refused(400, "0x80043b0f", "The unit schedule id is missing.")
    if fields.get("_defaultuomid_value") is None:
        raise errors.Refused(400, "0x80043b0d", "The unit id is missing.")
    check_group(tx, fields["_defaultuomid_value"], fields["_defaultuomscheduleid_value"])


def check_group(tx: Transaction, unit_id: Wire, group_id: Wire) -> None:
    """Refuse a unit that is not of the unit group."""
    unit = tx.table("uoms").get(str(unit_id))
    if unit is None or unit.fields.get("_uomscheduleid_value") != group_id:
        raise errors.Refused(
            400, "0x80043b16", "The specified unit is not valid for the product's unit group."
        )


def _price_item(tx: Transaction, fields: Fields) -> None:
    product = tx.table("products").get(str(fields.get("_productid_value")))
    if product is None:
        raise errors.Refused(400, "0x80043b0e", "The product id is missing.")
    if fields.get("_uomid_value") is None:
        raise errors.Refused(400, "0x80043b0d", "The unit id is missing.")
    price_list = tx.table("pricelevels").get(str(fields.get("_pricelevelid_value")))
    if price_list is None:
        raise errors.Refused(400, "0x80043b12", "The price level id is missing.")
    group = product.fields.get("_defaultuomscheduleid_value")
    check_group(tx, fields["_uomid_value"], group)
    table = tx.table("productpricelevels")
    columns = ("_productid_value", "_uomid_value", "_pricelevelid_value")
    same = set.intersection(*(table.holding(name, fields[name]) for name in columns))
    if same - {str(fields["productpricelevelid"])}:
        raise errors.Refused(
            400, "0x80043b08", "This product and unit combination has a price for this price list."
        )
    fields["_uomscheduleid_value"] = group
    fields["productnumber"] = product.fields.get("productnumber")
    fields["_transactioncurrencyid_value"] = price_list.fields.get("_transactioncurrencyid_value")


def _unit(tx: Transaction, fields: Fields) -> None:
    """A unit's base unit must be of its own group; without one it is counted in the group's base unit
    (assumed)."""
    if fields.get("isschedulebaseuom"):
        return
    units = tx.table("uoms")
    in_group = units.pick(units.holding("_uomscheduleid_value", fields["_uomscheduleid_value"]))
    base = next((row for row in in_group if row.fields.get("isschedulebaseuom")), None)
    given = fields.get("_baseuom_value")
    if given is None and base is not None:
        fields["_baseuom_value"] = base.key if isinstance(base.key, str) else None
    elif given is not None and given not in {row.key for row in in_group}:
        raise errors.Refused(400, "0x80043b16", "The base unit does not belong to the unit group.")
