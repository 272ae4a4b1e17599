"""Contact persons: a person of the global address book who is associated with a customer of the company."""

from __future__ import annotations

from d365_sandbox.finops import errors
from d365_sandbox.finops.addresses import Block, check_addresses, fill_countries
from d365_sandbox.finops.parties import CONTACTS, CUSTOMERS, next_party, person_name, take_party
from d365_sandbox.finops.write import SetRules, Write, failed, missing, not_found
from d365_sandbox.schemas.entity import Fields
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_BLOCKS = (Block("PrimaryAddress"),)
_CUSTOMER = "Customer"


class ContactRules(SetRules):
    """A contact person needs a first or a last name (assumed) and a customer of its own company."""

    def prepare(self, write: Write) -> None:
        customer = _customer(write)
        write.fields.update(_association(customer))
        own = write.text("ContactPersonId")
        if own and write.where(CONTACTS, "ContactPersonId", own):
            raise errors.rejected(
                write.entity.label,
                [
                    f"Error: Cannot create a record in Contacts (ContactPerson). Contact: {own}, .\n"
                    "The record already exists."
                ],
            )
        take_party(write, "ContactPersonPartyNumber", "Person")

    def check(self, write: Write) -> None:
        if not (write.text("FirstName") or write.text("LastName")):
            raise missing(write, "First name")
        kind = write.text("ContactPersonPartyType")
        if kind not in ("", "Person"):
            sentence = f"The value '{kind}' is not valid in field 'Party type'."
            raise failed(write.entity, "ContactPersonPartyType", sentence)
        check_addresses(write, _BLOCKS)

    def complete(self, write: Write) -> None:
        fill_countries(write, _BLOCKS)
        fill_contact(write.tx, write.fields)
        write.fields["ContactPersonName"] = person_name(write.fields)


def fill_contact(tx: Transaction, fields: Fields) -> None:
    """Numbers and associated customer of a contact person, where they are still empty."""
    company = str(fields["dataAreaId"])
    if not fields.get("ContactPersonPartyNumber"):
        fields["ContactPersonPartyNumber"] = next_party(tx)
    if not fields.get("ContactPersonId"):
        fields["ContactPersonId"] = _next_number(tx, company)
    fields["ContactPersonPartyType"] = fields.get("ContactPersonPartyType") or "Person"
    if not fields.get("AssociatedContactNumber"):
        customers = tx.table(CUSTOMERS)
        keys = customers.holding("PartyNumber", str(fields.get("AssociatedPartyNumber") or ""))
        row = next((customers.get(key) for key in sorted(keys) if key[0] == company), None)
        fields.update(_association(row) if row else {})


def _next_number(tx: Transaction, company: str) -> str:
    contacts = tx.table(CONTACTS)
    while True:
        number = f"CP-{tx.next_number(f'{CONTACTS}.{company}'):06d}"
        if all(key[0] != company for key in contacts.holding("ContactPersonId", number)):
            return number


def _customer(write: Write) -> Row:
    """The customer whom the caller names by party, or by type and number (CDSContactPersonsV2).

    Contact persons of vendors, prospects and contacts are not simulated: there are none to be found.
    """
    named = "AssociatedContactNumber"
    if named in write.entity.key_fields:
        number, kind = write.text(named), write.text("AssociatedContactType") or _CUSTOMER
        row = write.in_company(CUSTOMERS, number) if kind == _CUSTOMER else None
        if number and row is None:
            raise not_found(write.entity, named, number, "Associated contact", f"{kind}s")
    else:
        named = "AssociatedPartyNumber"
        party = write.text(named)
        row = write.where(CUSTOMERS, "PartyNumber", party) if party else None
        if party and row is None:
            raise not_found(write.entity, named, party, "Associated party", "Customers")
    if row is None:
        raise missing(write, named)
    return row


def _association(customer: Row) -> Fields:
    return {
        "AssociatedPartyNumber": customer.fields["PartyNumber"],
        "AssociatedContactType": _CUSTOMER,
        "AssociatedContactNumber": customer.fields["CustomerAccount"],
    }
