"""Business rules of F&O writes, in the order in which they are applied: fields in payload order, defaults, the row as a
whole, the write (finops-odata sheet, section 7).

Rules for every table are here: company, number sequences, required fields, references to other tables. The
rules of a single table are in the class that `_RULES` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from d365_sandbox.finops import errors
from d365_sandbox.finops.contacts import ContactRules, fill_contact
from d365_sandbox.finops.customers import CustomerRules
from d365_sandbox.finops.data_management.projects import DETAILS, GROUPS, DetailRules, GroupRules
from d365_sandbox.finops.entities import BACKINGS, NUMBER_SEQUENCES, REFERENCES, REQUIRED, Reference
from d365_sandbox.finops.order_lines import OrderLineRules, fill_order_line
from d365_sandbox.finops.orders import OrderRules
from d365_sandbox.finops.parties import CONTACTS, CUSTOMERS, customer_name, next_party
from d365_sandbox.finops.quotation_lines import QuotationLineRules, fill_line
from d365_sandbox.finops.quotations import HEADERS, LINES, QuotationRules
from d365_sandbox.finops.rows import COMPANY
from d365_sandbox.finops.views import ORDER_LINES, ORDERS
from d365_sandbox.finops.write import SetRules, Write, failed, missing, unrelated
from d365_sandbox.schemas.entity import Entity, Fields, Key, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

COMPANIES = "LegalEntities"


class CompanyRules(SetRules):
    """A legal entity is a company of its own, which `Companies` shows under another name."""

    def complete(self, write: Write) -> None:
        write.fields["DataArea"] = write.fields.get("LegalEntityId")


_RULES: Mapping[str, SetRules] = {
    CUSTOMERS: CustomerRules(),
    CONTACTS: ContactRules(),
    HEADERS: QuotationRules(),
    LINES: QuotationLineRules(),
    ORDERS: OrderRules(),
    ORDER_LINES: OrderLineRules(),
    COMPANIES: CompanyRules(),
    GROUPS: GroupRules(),
    DETAILS: DetailRules(),
}
_NONE = SetRules()


def rules_of(stored: Entity) -> SetRules:
    """The rules that the table of this entity adds."""
    return _RULES.get(stored.set_name, _NONE)


def start(write: Write, default_company: str) -> None:
    """Check the fields of a new row, complete its key and set defaults. Raises Refused."""
    fields, stored = write.fields, write.stored
    if COMPANY in stored.fields:
        fields[COMPANY] = fold(str(fields.get(COMPANY) or default_company))
    _check_fields(write, write.given)
    _number(write)
    rules_of(stored).prepare(write)
    for key in stored.key_fields:
        if not fields.get(key):
            raise errors.rejected(write.entity.label, [f"Warning: Field '{key}' must be filled in"])
    for field, value in stored.defaults.items():
        if not fields.get(field):
            fields[field] = value


def _check_fields(write: Write, names: Iterable[str]) -> None:
    """Whether the fields refer to rows that there are, in this order."""
    references = REFERENCES.get(write.stored.set_name, ())
    for name in names:
        value = str(write.fields.get(name) or "")
        for reference in references:
            if reference.field == name and value and not _exists(write, reference, value):
                raise unrelated(write.entity, reference, value)


def _number(write: Write) -> None:
    """The key from the table's number sequence; one of the caller's own only where the sequence is manual
    (finops-odata sheet, section 7)."""
    stored, fields = write.stored, write.fields
    sequence = NUMBER_SEQUENCES.get(stored.set_name)
    if sequence is None:
        return
    if fields.get(sequence.field):
        if not getattr(write.parameters, sequence.manual):
            sentence = f"The number sequence of field '{sequence.caption}' does not allow manual numbers."
            raise failed(write.entity, sequence.field, sentence)
        return
    table = write.tx.table(stored.set_name)
    counter = f"{stored.set_name}.{fields.get(COMPANY)}"
    while True:
        fields[sequence.field] = sequence.format.format(write.tx.next_number(counter))
        if table.get(stored.key_of(fields)) is None:
            return


def finish(write: Write) -> None:
    """Check a changed row's fields, then the row as a whole, and fill in what the server fills in. Raises Refused,
    for a new row last of all when there is one with its key.

    References are looked at where a field was set.
    """
    if not write.creating:
        _check_fields(write, write.given)
    for name, caption in REQUIRED.get(write.stored.set_name, {}).items():
        if not write.fields.get(name):
            raise missing(write, caption)
    if write.creating:
        _check_fields(write, [name for name in write.fields if name not in write.given])
    rules = rules_of(write.stored)
    rules.check(write)
    rules.complete(write)
    table = write.tx.table(write.stored.set_name)
    if write.creating and table.get(write.stored.key_of(write.fields)) is not None:
        raise _duplicate(write)


def fill_planted(tx: Transaction, stored: Entity, fields: Fields) -> None:
    """Numbers of the server's own for a row that is stored past the rules and has none."""
    if stored.set_name == CUSTOMERS:
        fields.setdefault("Name", customer_name(fields))
    if stored.set_name == CUSTOMERS and not fields.get("PartyNumber"):
        fields["PartyNumber"] = next_party(tx)
        fields.setdefault("NameAlias", customer_name(fields)[:20])
    elif stored.set_name == CONTACTS:
        fill_contact(tx, fields)
    elif stored.set_name == LINES:
        fill_line(tx, fields)
    elif stored.set_name == ORDER_LINES:
        fill_order_line(tx, fields)
    elif stored.set_name == COMPANIES:
        fields["DataArea"] = fields.get("LegalEntityId")


def check_unused(tx: Transaction, entity: Entity, stored: Entity, row: Row) -> None:
    """Rows that others refer to cannot be deleted (the restricted delete of the tables behind; assumed)."""
    for set_name, references in REFERENCES.items():
        for reference in references:
            if reference.set_name != stored.set_name or reference.target not in stored.key_fields:
                continue
            users = tx.table(set_name)
            for key in users.holding(reference.field, row.fields[reference.target]):
                same = not reference.same_company or key[0] == row.key[0]
                if same and not (set_name == stored.set_name and key == row.key):
                    backing = BACKINGS[stored.set_name]
                    raise errors.rejected(
                        entity.label,
                        [
                            f"Error: Cannot delete a record in {backing.caption} "
                            f"({backing.table}). It is used in "
                            f"{BACKINGS[set_name].caption}"
                        ],
                    )


def _duplicate(write: Write) -> errors.Refused:
    """The error for a POST whose key exists already (finops-odata sheet, section 8)."""
    backing = BACKINGS[write.stored.set_name]
    names = backing.key_fields or (write.stored.key_fields[-1], "")
    values = ", ".join(str(write.fields.get(name, "")) for name in names)
    return errors.rejected(
        write.entity.label,
        [
            f"Error: Cannot create a record in {backing.caption} ({backing.table}). "
            f"{backing.key_caption}: {values}.\nThe record already exists."
        ],
    )


def _exists(write: Write, reference: Reference, value: str) -> bool:
    fields = write.fields
    key: Key = (fold(str(fields.get(COMPANY))), fold(value)) if reference.same_company else (fold(value),)
    is_itself = reference.set_name == write.stored.set_name == CUSTOMERS and fold(
        str(fields.get("CustomerAccount"))
    ) == fold(value)
    return is_itself or write.tx.table(reference.set_name).get(key) is not None
