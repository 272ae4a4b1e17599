"""What a delivered record must have of its source, told independently of the SQL: texts trimmed, numbers by value."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from tests.hostile.comparing import is_blank_letter, same_id, text_of, trimmed
from tests.hostile.world import Place, Row, Rows

ADDRESS = {"City": "city", "ZipCode": "postalcode"}
TEXTS: dict[str, tuple[Place, dict[str, str]]] = {
    "finops__accounts": (
        ("sales", "accounts"),
        {
            "OrganizationName": "name", "PrimaryContactPhone": "telephone1", "PrimaryContactFax": "fax",
            "PrimaryContactEmail": "emailaddress1", "PrimaryContactURL": "websiteurl", "SalesMemo": "description",
            "PrimaryContactTwitter": "primarytwitterid", "AddressCity": "address1_city",
            "AddressZipCode": "address1_postalcode", "AddressCounty": "address1_county",
            "DeliveryAddressCity": "address2_city", "DeliveryAddressZipCode": "address2_postalcode",
            "DeliveryAddressCounty": "address2_county",
        },
    ),
    "finops__contact_persons": (
        ("sales", "contacts"),
        {
            "FirstName": "firstname", "MiddleName": "middlename", "LastName": "lastname", "PrimaryPhoneNumber": "telephone1",
            "PrimaryFaxNumber": "fax", "PrimaryEmailAddress": "emailaddress1", "PrimaryURL": "websiteurl",
            "EmploymentDepartment": "department", "EmploymentProfession": "jobtitle", "Notes": "description",
            "GovernmentIdentificationNumber": "governmentid", "SpouseName": "spousesname",
            "PrimaryAddressCity": "address1_city", "PrimaryAddressZipCode": "address1_postalcode",
            "PrimaryAddressCountyId": "address1_county",
        },
    ),
    "finops__contact_customers": (
        ("sales", "contacts"),
        {
            "PersonFirstName": "firstname", "PersonMiddleName": "middlename", "PersonLastName": "lastname",
            "PrimaryContactPhone": "telephone1", "PrimaryContactFax": "fax", "PrimaryContactEmail": "emailaddress1",
            "PrimaryContactURL": "websiteurl", "PersonProfessionalTitle": "jobtitle", "SalesMemo": "description",
            "AddressCity": "address1_city", "AddressZipCode": "address1_postalcode",
        },
    ),
    "sales__products": (
        ("finops", "SellableReleasedProducts"), {"name": "ProductName", "description": "ProductDescription"},
    ),
    "finops__quotes": (
        ("sales", "quotes"),
        {
            "Email": "emailaddress", "DeliveryAddressCity": "shipto_city", "DeliveryAddressZipCode": "shipto_postalcode",
        },
    ),
}  # fmt: skip
NUMBERS = {
    "finops__accounts": {
        "CreditLimit": ("creditlimit", 2),
        "OrganizationNumberOfEmployees": ("numberofemployees", 0),
    },
    "sales__products": {"currentcost": ("UnitCost", 4)},
}
STREETS = {
    "finops__accounts": {"AddressStreet": "address1_line", "DeliveryAddressStreet": "address2_line"},
    "finops__contact_persons": {"PrimaryAddressStreet": "address1_line"},
    "finops__contact_customers": {"AddressStreet": "address1_line"},
    "finops__quotes": {"DeliveryAddressStreet": "shipto_line"},
}
KEYS = {
    "finops__accounts": ("CustomerAccount", "accountnumber"),
    "finops__contact_customers": ("CustomerAccount", "employeeid"),
    "finops__quotes": ("SalesQuotationNumber", "quotenumber"),
    "sales__products": ("productnumber", "ProductNumber"),
}
LINE = {"RequestedSalesQuantity": "quantity", "SalesPrice": "priceperunit"}


def faults_of_values(rows: Rows, result) -> Iterator[tuple[str, str]]:
    yield from faults_of_lines(rows, result)
    newest = {document: key for key, document in result.documents.items()}
    several = {
        one for one in newest.values() if list(result.documents.values()).count(result.documents[one]) > 1
    }
    for (flow, document), found in result.rows.items():
        for row in found:
            if row["operation"] != "upsert" or row["relation"] not in TEXTS:
                continue
            place, texts = TEXTS[row["relation"]]
            key = newest.get(document) if flow == "quotes" else document
            source = rows[place].get(key)
            if source is None or key in several:
                continue
            body = dict(flat(row["body"]))
            name = f"{row['relation']} {document}"
            for fault in faults_of_texts(name, row["relation"], source, body, texts):
                yield flow, fault
            target, field = KEYS.get(row["relation"], ("", ""))
            number = row["target_key"].get(target)
            if target and trimmed(source.get(field)) and not is_trimmed(number, source.get(field)):
                yield flow, f"{name}: {target} is {number!r} for {field} {text_of(source.get(field))!r}"


def faults_of_lines(rows: Rows, result) -> Iterator[tuple[str, str]]:
    """Quotes whose lines, taken together, are sent with other quantities and prices than Sales has."""
    for quote, document in result.documents.items():
        found = [
            row
            for row in result.rows.get(("quotes", document), [])
            if row["relation"] == "finops__quote_lines"
        ]
        if not found or list(result.documents.values()).count(document) > 1:
            continue
        lines = [
            row
            for row in rows["sales", "quotedetails"].values()
            if same_id(row.get("_quoteid_value")) == quote
        ]
        sent = sorted([Decimal(str(row["body"][prop])) for prop in LINE] for row in found)
        try:
            wanted = sorted(
                [Decimal(text_of(line.get(name)).strip() or "0") for name in LINE.values()] for line in lines
            )
        except InvalidOperation:
            wanted = []
        if [[round(n, 9) for n in line] for line in sent] != [[round(n, 9) for n in line] for line in wanted]:
            yield "quotes", f"finops__quote_lines {document}: {sent} is sent for {wanted}"


def flat(body: Row) -> Iterator[tuple[str, object]]:
    for key, value in body.items():
        if key.startswith("block:"):
            yield from value.items()
        else:
            yield key, value


def faults_of_texts(name: str, relation: str, source: Row, body: Row, texts: dict[str, str]) -> Iterator[str]:
    for prop, field in texts.items():
        if not is_trimmed(body.get(prop), source.get(field)):
            yield f"{name}: {prop} is {body.get(prop)!r} for {field} {text_of(source.get(field))!r}"
    for prop, (field, digits) in NUMBERS.get(relation, {}).items():
        if not is_number(body.get(prop), source.get(field), digits):
            yield f"{name}: {prop} is {body.get(prop)!r} for {field} {text_of(source.get(field))!r}"
    for prop, start in STREETS.get(relation, {}).items():
        lines = [source.get(f"{start}{n}") for n in (1, 2, 3)]
        if seen(body.get(prop)) != "".join(map(seen, lines)):
            yield f"{name}: {prop} is {body.get(prop)!r} for {lines!r}"


def seen(value: object) -> str:
    """A text without its blanks."""
    return "".join(letter for letter in text_of(value) if not is_blank_letter(letter))


def is_trimmed(sent: object, source: object) -> bool:
    """Whether a text is the source's without blanks around it; other signs that nobody sees may stay."""
    text = text_of(source)
    if sent is None:
        return trimmed(text) == ""
    if not isinstance(sent, str) or sent not in text or sent != sent.strip(" \t\r\n"):
        return False
    before, _, after = text.partition(sent)
    return all(map(is_blank_letter, before + after))


def is_number(sent: object, source: object, digits: int) -> bool:
    text = text_of(source).strip()
    if text == "":
        return sent in (None, 0)
    try:
        wanted = Decimal(text)
    except InvalidOperation:
        return False
    return sent is not None and abs(Decimal(str(sent)) - wanted) <= Decimal(1).scaleb(-digits) / 2
