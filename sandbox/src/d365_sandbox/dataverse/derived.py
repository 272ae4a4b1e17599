"""Columns derived from others: both sides of a multi-table lookup, the owner's business unit, full names.

A multi-table lookup is one GUID, and the table it points at shows in read-only columns beside it (`customerid`
in `accountid` and `contactid`, `ownerid` in `owninguser` and `owningteam`; the contact's `parentcontactid` is
taken for the other side of its `accountid`, as the published column lists have it).
"""

from __future__ import annotations

from collections.abc import Mapping

from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction

_OWNER = {"systemuser": "_owninguser_value", "team": "_owningteam_value"}
_CUSTOMER = {"account": "_accountid_value", "contact": "_contactid_value"}
_PARENT = {"account": "_accountid_value", "contact": "_parentcontactid_value"}
_SIDES = {"_ownerid_value": _OWNER, "_customerid_value": _CUSTOMER, "_parentcustomerid_value": _PARENT}
_SETS = {"account": "accounts", "contact": "contacts", "systemuser": "systemusers", "team": "teams"}
_NAME_PARTS = ("firstname", "middlename", "lastname")


def sides(name: str) -> Mapping[str, str]:
    """The column beside a lookup that is filled for each table it may point at; empty for other columns."""
    return _SIDES.get(name, {})


def pointing(name: str, target: str | None, value: Wire) -> Fields:
    """The lookup and the columns beside it when it points at a row of the table; None clears all of them."""
    return {name: value, **{column: value if t == target else None for t, column in sides(name).items()}}


def complete(tx: Transaction, entity: Entity, given: Mapping[str, Wire], fields: Fields) -> None:
    """Fill the derived columns of a row that is about to be stored. `given` are the columns that were just set."""
    for name in _SIDES:
        if name in fields and name in entity.fields:
            _settle(tx, name, fields)
    if given.get("_ownerid_value") and "_owningbusinessunit_value" not in given:
        unit = _unit_of_owner(tx, fields)
        if unit is not None and "_owningbusinessunit_value" in entity.fields:
            fields["_owningbusinessunit_value"] = unit
    is_person = entity.type_name in ("contact", "systemuser")
    if is_person and "fullname" not in given and any(part in given for part in _NAME_PARTS):
        fields["fullname"] = full_name(fields)


def full_name(fields: Mapping[str, Wire]) -> str | None:
    """First, middle and last name. The organisation may choose another order; this one is assumed."""
    return " ".join(str(fields[part]) for part in _NAME_PARTS if fields.get(part)) or None


def _settle(tx: Transaction, name: str, fields: Fields) -> None:
    """Bring a lookup and the columns beside it into agreement. Bulk-loaded rows may have the lookup only."""
    columns, value = sides(name), fields[name]
    held = [fields[column] for column in columns.values() if fields.get(column) is not None]
    if held == ([] if value is None else [value]):
        return
    target = next(
        (t for t in columns if value is not None and tx.table(_SETS[t]).get(str(value)) is not None), None
    )
    fields.update(pointing(name, target, value))


def _unit_of_owner(tx: Transaction, fields: Fields) -> Wire:
    for target, column in _OWNER.items():
        row = tx.table(_SETS[target]).get(str(fields.get(column)))
        if row is not None:
            return row.fields.get("_businessunitid_value")
    return None
