"""Business rules of F&O writes: required fields, references to other tables, and what the
server fills in."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.description import Entity, Fields, Key, Wire, fold
from sandbox.finops import errors
from sandbox.finops.entities import BACKINGS, NUMBER_SEQUENCES, REFERENCES, REQUIRED, Reference
from sandbox.finops.rows import COMPANY
from sandbox.store.store import Transaction
from sandbox.store.table import Row, Table

_BLOCKS = ("Address", "DeliveryAddress", "InvoiceAddress")


def new_row(tx: Transaction, entity: Entity, given: Fields, default_company: str) -> Fields:
    """The fields of a row before validation: the caller's, numbers from sequences, and defaults."""
    fields: Fields = dict(given)
    if COMPANY in entity.fields:
        fields[COMPANY] = fold(str(fields.get(COMPANY) or default_company))
    name, pattern = NUMBER_SEQUENCES.get(entity.set_name, ("", ""))
    if name and not fields.get(name):
        sequence = f"{entity.set_name}.{fields.get(COMPANY)}"
        fields[name] = pattern.format(tx.next_number(sequence))
        while tx.table(entity.set_name).get(entity.key_of(fields)) is not None:
            fields[name] = pattern.format(tx.next_number(sequence))
    for key in entity.key_fields:
        if not fields.get(key):
            raise errors.rejected(entity.label, [f"Warning: Field '{key}' must be filled in"])
    for field, value in entity.defaults.items():
        if not fields.get(field):
            fields[field] = value
    return fields


def check(tx: Transaction, entity: Entity, fields: Fields, changed: Mapping[str, Wire]) -> None:
    """Required fields and references. References are looked at where a field was set."""
    for name, caption in REQUIRED.get(entity.set_name, {}).items():
        if not fields.get(name):
            raise _field_failed(entity, name, f"Field '{caption}' must be filled in.")
    for reference in REFERENCES.get(entity.set_name, ()):
        value = str(fields.get(reference.field) or "")
        if value and reference.field in changed and not _exists(tx, reference, value, fields):
            raise _not_found(entity, reference.field, value, reference.caption, reference.related)
    if entity.set_name == "CustomersV3":
        _check_customer(tx, entity, fields, changed)


def complete(
    tx: Transaction, entity: Entity, fields: Fields, changed: Mapping[str, Wire], creating: bool
) -> None:
    """What the server fills in after validation."""
    if entity.set_name != "CustomersV3":
        return
    _fill_countries(tx.table("AddressCountryRegions"), fields, changed)
    name = customer_name(fields)
    if creating:
        fields["PartyNumber"] = fields.get("PartyNumber") or next_party(tx)
        fields["NameAlias"] = fields.get("NameAlias") or name[:20]
    if "AddressCity" in changed or "AddressStreet" in changed or creating:
        fields["FullPrimaryAddress"] = _full_address(fields)


def next_party(tx: Transaction) -> str:
    """The next party number that no customer has."""
    while tx.table("CustomersV3").holding("PartyNumber", number := f"{tx.next_number('PartyNumber'):09d}"):
        pass
    return number


def customer_name(fields: Fields) -> str:
    if fields.get("PartyType") == "Person":
        parts = (fields.get(n) for n in ("PersonFirstName", "PersonMiddleName", "PersonLastName"))
        return " ".join(str(part) for part in parts if part)
    return str(fields.get("OrganizationName") or "")


def refuse_duplicate(entity: Entity, fields: Fields) -> errors.Refused:
    """The refusal of a POST whose key exists (finops-odata sheet, section 8)."""
    backing = BACKINGS[entity.set_name]
    return errors.rejected(
        entity.label,
        [
            f"Error: Cannot create a record in {backing.caption} ({backing.table}). {backing.key_caption}: "
            f"{fields[entity.key_fields[-1]]}, .\nThe record already exists."
        ],
    )


def check_unused(tx: Transaction, entity: Entity, row: Row) -> None:
    """Rows that others refer to cannot be deleted (the restricted delete of the tables behind; assumed)."""
    for set_name, references in REFERENCES.items():
        for reference in references:
            if reference.set_name != entity.set_name or reference.target not in entity.key_fields:
                continue
            users = tx.table(set_name)
            for key in users.holding(reference.field, row.fields[reference.target]):
                same = not reference.same_company or key[0] == row.key[0]
                if same and not (set_name == entity.set_name and key == row.key):
                    backing = BACKINGS[entity.set_name]
                    raise errors.rejected(
                        entity.label,
                        [
                            f"Error: Cannot delete a record in {backing.caption} "
                            f"({backing.table}). It is used in "
                            f"{BACKINGS[set_name].caption}"
                        ],
                    )


def _exists(tx: Transaction, reference: Reference, value: str, fields: Fields) -> bool:
    table = tx.table(reference.set_name)
    key: Key = (fold(str(fields.get(COMPANY))), fold(value)) if reference.same_company else (fold(value),)
    own = reference.set_name == "CustomersV3" and fold(str(fields.get("CustomerAccount"))) == fold(value)
    return own or table.get(key) is not None


def _check_customer(tx: Transaction, entity: Entity, fields: Fields, changed: Mapping[str, Wire]) -> None:
    kind = fields.get("PartyType")
    if kind not in ("Organization", "Person"):
        raise _field_failed(entity, "PartyType", f"The value '{kind}' is not valid in field 'Party type'.")
    if kind == "Organization" and not fields.get("OrganizationName"):
        raise _field_failed(entity, "OrganizationName", "Field 'Organization name' must be filled in.")
    if kind == "Person" and not (fields.get("PersonFirstName") or fields.get("PersonLastName")):
        raise _field_failed(entity, "PersonFirstName", "Field 'First name' must be filled in.")
    party = str(changed.get("PartyNumber") or "")
    if party and not tx.table("CustomersV3").holding("PartyNumber", party):
        raise _not_found(entity, "PartyNumber", party, "Party ID", "Global address book")
    for block in _BLOCKS:
        _check_address(tx, entity, block, fields, changed)


def _check_address(
    tx: Transaction, entity: Entity, block: str, fields: Fields, changed: Mapping[str, Wire]
) -> None:
    """Country and state of an address must exist. County, city and postal code are free text: the address
    setup that turns their check on is off. States are checked in countries that have any (both assumed)."""
    countries = tx.table("AddressCountryRegions")
    iso, region = f"{block}CountryRegionISOCode", f"{block}CountryRegionId"
    for name, column in ((iso, "ISOcode"), (region, "CountryRegion")):
        value = changed.get(name)
        if value and not countries.holding(column, value):
            raise _not_found(entity, name, str(value), "Country/region", "Country/regions")
    state = changed.get(f"{block}State")
    if not state:
        return
    country = (
        fields.get(region)
        if changed.get(region)
        else _country_of(countries, fields.get(iso)) or fields.get(region)
    )
    states = tx.table("AddressStates")
    if (
        country
        and states.holding("CountryRegionId", country)
        and not states.get((fold(str(country)), fold(str(state))))
    ):
        raise _not_found(entity, f"{block}State", str(state), "State", "States")


def _fill_countries(countries: Table, fields: Fields, changed: Mapping[str, Wire]) -> None:
    """ISO code and country/region follow each other; the one that was set leads."""
    for block in _BLOCKS:
        iso, region = f"{block}CountryRegionISOCode", f"{block}CountryRegionId"
        if changed.get(region):
            row = next(iter(countries.pick(countries.holding("CountryRegion", changed[region]))))
            fields[iso] = row.fields.get("ISOcode", "")
        elif iso in changed:
            fields[region] = _country_of(countries, changed[iso])


def _country_of(countries: Table, iso: Wire) -> str:
    rows = countries.pick(countries.holding("ISOcode", iso)) if iso else []
    return str(rows[0].fields["CountryRegion"]) if rows else ""


def _full_address(fields: Fields) -> str:
    """Street, city with postal code, and country on a line each (the address format is assumed)."""
    city = " ".join(
        str(fields[n]) for n in ("AddressCity", "AddressState", "AddressZipCode") if fields.get(n)
    )
    lines = (fields.get("AddressStreet"), city, fields.get("AddressCountryRegionId"))
    return "\n".join(str(line) for line in lines if line)


def _not_found(entity: Entity, name: str, value: str, caption: str, related: str) -> errors.Refused:
    return _field_failed(
        entity,
        name,
        f"The value '{value}' in field '{caption}' is not found in the related table '{related}'.",
    )


def _field_failed(entity: Entity, name: str, sentence: str) -> errors.Refused:
    return errors.rejected(
        entity.label,
        [f"Warning: {sentence}", f"Warning: validateField failed on field '{entity.label}.{name}'"],
    )
