"""Columns that the server maintains: versions, times, owner, and amounts in the base currency."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from d365_sandbox.dataverse.pricing import in_base_currency
from d365_sandbox.schemas.entity import Entity, Fields, Key, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row, Table

ROW_VERSION = "rowversion"  # the counter that all tables share
_FIRST_VERSION = 1_000_001
_CURRENCY = "_transactioncurrencyid_value"
_STAMPS = (
    "createdon",
    "_createdby_value",
    "modifiedon",
    "_modifiedby_value",
    "_organizationid_value",
    "organizationid",
    "_ownerid_value",
    "_owninguser_value",
    "_owningbusinessunit_value",
)
OWNERS = {"systemusers": "systemuserid", "teams": "teamid"}  # what can own rows, under one key: ownerid


def put(tx: Transaction, set_name: str, fields: Fields) -> Row:
    """Store a row under the next value of the database-wide row version; those of all tables interleave."""
    version = tx.next_number(ROW_VERSION, _FIRST_VERSION)
    fields["versionnumber"] = version
    if set_name in OWNERS:
        fields["ownerid"] = fields[OWNERS[set_name]]
    return tx.put(set_name, fields, str(version))


def drop(tx: Transaction, set_name: str, key: Key) -> None:
    """Delete a row. The deletion gets a row version of its own, by which change tracking reports it."""
    tx.drop(set_name, key, str(tx.next_number(ROW_VERSION, _FIRST_VERSION)))


def etag(version: str) -> str:
    return f'W/"{version}"'


def creation_stamps(entity: Entity, now: str, user: str, unit: str, organization: str) -> Fields:
    """The columns that the server sets on a new row of the table."""
    wanted: dict[str, Wire] = {
        "createdon": now,
        "_createdby_value": user,
        "modifiedon": now,
        "_modifiedby_value": user,
        "_organizationid_value": organization,
        "organizationid": organization,
        "_ownerid_value": user,
        "_owninguser_value": user,
        "_owningbusinessunit_value": unit,
    }
    return {name: wanted[name] for name in _stamped(entity)}


@cache
def _stamped(entity: Entity) -> tuple[str, ...]:
    return tuple(n for n in _STAMPS if n in entity.fields and n != entity.key_fields[0])


@cache
def _money(entity: Entity) -> tuple[str, ...]:
    return (_CURRENCY, *(name.removesuffix("_base") for name in _base_columns(entity)))


@cache
def _base_columns(entity: Entity) -> tuple[str, ...]:
    return tuple(name for name in entity.fields if name.endswith("_base"))


def base_amounts(
    entity: Entity, before: Mapping[str, Wire], fields: Mapping[str, Wire], currencies: Table
) -> Fields:
    """`exchangerate` and every `<amount>_base` of a row, from the rate of its currency at this moment.

    A row keeps those that it has until its currency or one of its amounts changes (dataverse sheet, section 9).
    """
    if _CURRENCY not in entity.fields or "exchangerate" not in entity.fields:
        return {}
    if before.get("exchangerate") is not None and not any(
        fields.get(name) != before.get(name) for name in _money(entity)
    ):
        return {}
    currency = fields.get(_CURRENCY)
    row = currencies.get(currency) if isinstance(currency, str) else None
    if row is None:
        return {}
    rate = row.fields.get("exchangerate") or 1
    stamped: Fields = {"exchangerate": rate}
    for name in _base_columns(entity):
        amount = fields.get(name[:-5])
        if isinstance(amount, int | float) and isinstance(rate, int | float):
            stamped[name] = float(in_base_currency(amount, rate))
        else:
            stamped[name] = None
    return stamped
