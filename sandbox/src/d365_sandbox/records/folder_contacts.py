"""contacts.csv as contacts of Sales."""

from collections.abc import Collection, Iterator
from pathlib import Path

from d365_sandbox.records.shapes import SALES, Guids, Record, RecordsError, Row, without_nulls
from d365_sandbox.records.tables import Line, fold, has_table, read_table

CONTACTS = "contacts.csv"
COLUMNS = ("contact_id", "account_number", "first_name", "last_name", "email", "phone")
TEXTS = {
    "title": ("salutation", 100),
    "first_name": ("firstname", 50),
    "middle_name": ("middlename", 50),
    "last_name": ("lastname", 50),
    "suffix": ("suffix", 10),
    "job_role": ("jobtitle", 100),
    "email": ("emailaddress1", 100),
    "phone": ("telephone1", 50),
}
"""Column of contacts.csv -> field of a Sales contact and the longest text it takes."""


def contact_records(folder: Path, guids: Guids, accounts: Collection[str], modified: str) -> Iterator[Record]:
    """Every line as an active contact; its account, one of `accounts`, is the parent where one is named."""
    if not has_table(folder, CONTACTS):
        return
    for line in read_table(folder, CONTACTS, COLUMNS, key="contact_id"):
        number = line.text("account_number")
        if number is not None and number not in accounts:
            raise _unknown_account(line, next((n for n in accounts if fold(n) == fold(number)), None))
        line.required("last_name")
        texts = {target: line.text(column, longest) for column, (target, longest) in TEXTS.items()}
        row: Row = {
            "contactid": guids.of("contacts", line.required("contact_id")),
            **texts,
            "_parentcustomerid_value": guids.of("accounts", number) if number else None,
            "statecode": 0,
            "statuscode": 1,
            "modifiedon": modified,
        }
        yield SALES, "contacts", without_nulls(row)


def _unknown_account(line: Line, twin: str | None) -> RecordsError:
    if twin is not None:
        return line.wrong("account_number", f"is written {twin!r} elsewhere. Write it the same way.")
    return line.wrong(
        "account_number",
        "is no account number in accounts.csv or sales_orders.csv. Add the account or correct it.",
    )
