"""Keys, companies and etags of F&O rows."""

from __future__ import annotations

import base64
import random
import re
from datetime import datetime
from urllib.parse import quote

from d365_sandbox.finops import errors
from d365_sandbox.finops.entities import DATA_SOURCES
from d365_sandbox.finops.views import look_up
from d365_sandbox.odata.addresses import Address, parse_address
from d365_sandbox.odata.moments import to_utc, wire
from d365_sandbox.schemas.entity import Entity, Field, Key, fold
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.store.table import Row

COMPANY = "dataAreaId"
_FIRST_RECORD = 68_719_482_833
_ENUM_IN_KEY = re.compile(r"(?<=[\w])(?:=|%3D)Microsoft\.Dynamics\.DataEntities\.\w+(?='|%27)")
_versions = random.Random(20_171_107)


def new_version(tx: Transaction) -> str:
    """`recVersion,recId` of a row that was just inserted: the version is 1 (seen in published captures)."""
    return f"1,{tx.next_number('RecId', _FIRST_RECORD)}"


def changed_version(row: Row) -> str:
    """The same record with a new version, which is random after an update, not increasing."""
    return f"{_versions.randrange(2, 2**31)},{row.version.partition(',')[2]}"


def etag(version: str, suffix: str = "") -> str:
    """The opaque etag: the base64 of the versions of all data sources in quotes (finops-odata sheet,
    section 7)."""
    quoted = f"'{version}{suffix}'"
    return f'W/"{base64.b64encode(quoted.encode()).decode()}"'


def etag_suffix(entity: Entity) -> str:
    """What the data sources beside the first add to an entity's etags."""
    return ";0,0" * (DATA_SOURCES.get(entity.set_name, 1) - 1)


class CompanyGate:
    """Which companies one request sees: all with `cross-company=true`, else the user's default company
    only."""

    def __init__(self, default_company: str, cross_company: bool, company_key_optional: bool = False) -> None:
        self.default_company = default_company
        self.company_key_optional = company_key_optional
        self.scope = None if cross_company else default_company

    def scope_of(self, entity: Entity) -> str | None:
        return self.scope if COMPANY in entity.fields else None

    def hides(self, entity: Entity, key: Key) -> bool:
        scope = self.scope_of(entity)
        return scope is not None and key[0] != scope


def address_of(path: str) -> Address:
    """The address of a path; enumeration members in keys may be qualified by their type. Raises
    AddressError."""
    return parse_address(_ENUM_IN_KEY.sub("=", path))


def _with_company(entity: Entity, given: dict[str, str], company: str) -> dict[str, str]:
    """The key with the company, if the entity has companies and none is named; its other field may go without name."""
    if COMPANY not in entity.key_fields or COMPANY in given:
        return given
    completed = {COMPANY: company, **given}
    if len(completed) == 2 and "" in completed and len(entity.key_fields) == 2:
        completed[entity.key_fields[1]] = completed.pop("")
    return completed


def key_of_address(entity: Entity, address: Address, gate: CompanyGate) -> Key:
    """The storage key of an address. Raises Refused unless it names every key field of the entity; the company
    alone may be left out where a parameter says so."""
    given = dict(address.key or {})
    if gate.company_key_optional and given:
        given = _with_company(entity, given, gate.default_company)
    if set(given) == {""} and len(entity.key_fields) == 1:
        given = {entity.key_fields[0]: given[""]}
    if set(given) != set(entity.key_fields):
        raise errors.bad_request(
            f"The key in the request URI is not valid for resource "
            f"'Microsoft.Dynamics.DataEntities.{entity.type_name}'. Ensure that the names and "
            f"number of key "
            f"properties match the declared key properties: {', '.join(entity.key_fields)}."
        )
    return tuple(_key_value(entity, name, given[name], address) for name in entity.key_fields)


def _key_value(entity: Entity, name: str, text: str, address: Address) -> str:
    """One value of a key. Numbers and dates come without quotes; that quoted ones are refused is assumed."""
    kind = entity.fields[name].kind
    if kind == "datetime" and name not in address.quoted:
        try:
            return fold(wire(as_field(entity.fields[name], to_utc(text))))
        except ValueError:
            text = ""
    if kind not in ("integer", "datetime"):
        return fold(text)
    if name in address.quoted or not re.fullmatch(r"-?\d{1,18}", text):
        raise errors.bad_request(
            f"The value of the key '{name}' in the request URI is not a valid {entity.fields[name].edm}."
        )
    return str(int(text))


def find(store: Store, gate: CompanyGate, entity: Entity, address: Address) -> Row:
    """The row of an address. Raises Refused 404 when there is none or the request does not see its
    company."""
    key = key_of_address(entity, address, gate)
    row = None if gate.hides(entity, key) else look_up(store.tables, entity, key)
    if row is None:
        raise errors.no_row()
    return row


def key_text(entity: Entity, row: Row) -> str:
    """The row's key as a URL writes it, with the spelling that is stored."""
    return ",".join(f"{name}={_literal(entity.fields[name], row)}" for name in entity.key_fields)


def location(entity: Entity, row: Row) -> str:
    """The row's key as a header or a link writes it."""
    return quote(key_text(entity, row), safe="=,'()-._~")


def as_field(described: Field, moment: datetime) -> datetime:
    """A moment as a field keeps it: a date is noon UTC of its day (finops-odata sheet, section 6)."""
    is_date = str(described.empty).endswith("T12:00:00Z")
    return moment.replace(hour=12, minute=0, second=0, microsecond=0) if is_date else moment


def _literal(described: Field, row: Row) -> str:
    value = str(row.fields.get(described.name, described.empty))
    if described.kind in ("integer", "datetime"):
        return value
    kind = described.edm if described.kind == "enum" else ""
    return f"{kind}'{value.replace(chr(39), chr(39) * 2)}'"
