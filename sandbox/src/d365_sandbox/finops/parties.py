"""The global address book: one sequence of party numbers for customers and contact persons.

A party exists as long as a customer or a contact person has it. Names stay with each row: that a change of a
person's name shows in all of its roles is not simulated.
"""

from __future__ import annotations

from d365_sandbox.finops.write import Write, failed, not_found
from d365_sandbox.schemas.entity import Fields
from d365_sandbox.store.store import Transaction

CUSTOMERS = "CustomersV3"
CONTACTS = "CDSContactPersons"


def next_party(tx: Transaction) -> str:
    """The next unused party number."""
    while kind_of_party(tx, number := f"{tx.next_number('PartyNumber'):09d}"):
        pass
    return number


def kind_of_party(tx: Transaction, number: str) -> str:
    """Person or Organization; empty when there is no such party."""
    if tx.table(CONTACTS).holding("ContactPersonPartyNumber", number):
        return "Person"
    customers = tx.table(CUSTOMERS)
    row = next((customers.get(key) for key in customers.holding("PartyNumber", number)), None)
    return str(row.fields.get("PartyType") or "Organization") if row else ""


def take_party(write: Write, name: str, kind: str) -> None:
    """Give a new row its party: the one it names, else a new one.

    An unknown number is refused unless the sequence is manual (assumed). A party of the other kind cannot be
    used (assumed).
    """
    number = write.text(name)
    if not number:
        write.fields[name] = next_party(write.tx)
        return
    found = kind_of_party(write.tx, number)
    if not found and not write.parameters.manual_party_numbers:
        raise not_found(write.entity, name, number, "Party ID", "Global address book")
    if found and found != kind:
        raise failed(write.entity, name, f"Party '{number}' is of type '{found}', not '{kind}'.")


def person_name(fields: Fields, prefix: str = "") -> str:
    """First, middle and last name (the standard sequence of names)."""
    parts = (fields.get(f"{prefix}{part}Name") for part in ("First", "Middle", "Last"))
    return " ".join(str(part) for part in parts if part)


def customer_name(fields: Fields) -> str:
    if fields.get("PartyType") == "Person":
        return person_name(fields, "Person")
    return str(fields.get("OrganizationName") or "")
