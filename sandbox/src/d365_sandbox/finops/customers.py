"""Customers: names by type of party, addresses, and their place in the global address book."""

from __future__ import annotations

from d365_sandbox.finops.addresses import Block, check_addresses, fill_countries, full_address
from d365_sandbox.finops.orders import follow_customer
from d365_sandbox.finops.parties import customer_name, take_party
from d365_sandbox.finops.write import SetRules, Write, failed, missing
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

DEFINITIONS = "CustomersBase"
_BLOCKS = tuple(Block(prefix, "State") for prefix in ("Address", "DeliveryAddress", "InvoiceAddress"))


_PLACE = ("Street", "City", "CountryRegionId", "CountryRegionISOCode")
_NEVER = "2154-12-31T23:59:59Z"


class CustomerRules(SetRules):
    """A person needs a first or a last name, an organization its name."""

    def check(self, write: Write) -> None:
        if write.entity.set_name == DEFINITIONS:
            _take_name(write)
        kind = write.fields.get("PartyType")
        if kind not in ("Organization", "Person"):
            sentence = f"The value '{kind}' is not valid in field 'Party type'."
            raise failed(write.entity, "PartyType", sentence)
        if kind == "Organization" and not write.text("OrganizationName"):
            raise missing(write, "Organization name")
        if kind == "Person" and not (write.text("PersonFirstName") or write.text("PersonLastName")):
            raise missing(write, "First name")
        if write.creating:
            take_party(write, "PartyNumber", str(kind))
        check_addresses(write, _BLOCKS)

    def complete(self, write: Write) -> None:
        write.fields["Name"] = customer_name(write.fields)
        fill_countries(write, _BLOCKS)
        for block in _BLOCKS:
            if any(write.changed.get(f"{block.prefix}{part}") for part in _PLACE):
                write.fill(f"{block.prefix}ValidTo", _NEVER)
        if write.creating:
            write.fill("NameAlias", customer_name(write.fields)[:20])
        if "AddressCity" in write.changed or "AddressStreet" in write.changed or write.creating:
            write.fields["FullPrimaryAddress"] = full_address(write.fields)

    def stored(self, tx: Transaction, before: Row | None, after: Row | None) -> None:
        follow_customer(tx, before, after)


def _take_name(write: Write) -> None:
    """Customer definitions call the name of an organization `Name` and ask for one even of a person."""
    if write.creating and not write.text("Name"):
        raise missing(write, "Name")
    if "Name" in write.given and write.fields.get("PartyType") != "Person":
        write.fields["OrganizationName"] = write.fields["Name"]
