"""Quotes that test a rule each. `becomes` is the expected result."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from d365_sandbox.records.catalog import HAND_MADE
from d365_sandbox.records.contacts import ship_to
from d365_sandbox.records.documents import (
    ACTIVE,
    BUNDLE,
    BUNDLE_PRODUCT,
    CANCELED,
    DRAFT,
    LOST,
    PROJECT_SERVICE,
    REVISED,
    WON,
    Customer,
    Document,
    priced,
)
from d365_sandbox.records.products import STOPPED
from d365_sandbox.records.quotes import QuoteWorld, document_row
from d365_sandbox.records.shapes import SALES, Record, Row, wire_time, without_nulls
from d365_sandbox.records.special_contacts import GERMAN, SPECIAL_CONTACTS, US, Parents, contact_guid

TAKEN_NUMBER = "QUO-X-TAKEN"
"""Number of a quotation that Finance and Operations has confirmed for another customer."""

_USMF_ONLY = "a product of usmf alone"


@dataclass(frozen=True)
class SpecialQuote:
    """`customer` is a kind of account, an account's name, or a special contact with `contact:` before its key.

    Of each line the fields that differ from an ordinary one: two pieces of the first product. The word `product`
    names another by number, or by place among those that the customer's company sells; None stands for a blank.
    """

    key: str
    becomes: str
    customer: str = US
    revisions: tuple[tuple[int, int], ...] = (ACTIVE,)
    header: Row | None = None
    lines: tuple[Row, ...] = ({}, {"product": 1, "quantity": 3})
    is_nasty: bool = True
    """False where it is something that happens to ordinary quotes too."""

    @property
    def number(self) -> str:
        return str((self.header or {}).get("quotenumber", f"QUO-X-{self.key}"[:20].rstrip("-").upper()))


def _ordinary(key: str, becomes: str, *revisions: tuple[int, int], customer: str = US) -> SpecialQuote:
    return SpecialQuote(key, becomes, customer, revisions or (ACTIVE,), is_nasty=False)


def _header(key: str, becomes: str, **header: object) -> SpecialQuote:
    return SpecialQuote(key, becomes, header=header)


def _lines(key: str, becomes: str, *lines: Row, customer: str = US) -> SpecialQuote:
    return SpecialQuote(key, becomes, customer, lines=lines)


_MONEY: Row = {"discountamount": "12.34", "freightamount": "9.99"}
_NO_ADDRESS: Row = {
    f"shipto_{part}": None for part in ("name", "line1", "city", "stateorprovince", "postalcode", "country")
}
_WRITE_IN: Row = {
    "product": None,
    "isproductoverridden": True,
    "productdescription": "Carry it upstairs",
    "_uomid_value": None,
}

SPECIAL_QUOTES = (
    _ordinary("draft", "left out by quote_draft", DRAFT),
    _ordinary("active", "goes", ACTIVE),
    _ordinary("won", "goes: a quote that is won between two runs counts", WON),
    _ordinary("lost", "left out by quote_lost", LOST),
    _ordinary("canceled", "left out by quote_canceled", CANCELED),
    _ordinary("revised", "goes as revision 1", REVISED, ACTIVE),
    _ordinary("revised-twice", "goes as revision 2", REVISED, REVISED, ACTIVE),
    _ordinary("being-revised", "left out by quote_draft: nothing was accepted yet", REVISED, DRAFT),
    _ordinary("won-draft-after", "left out by quote_draft: what was delivered before stands", WON, DRAFT),
    _ordinary("active-draft-after", "left out by quote_draft: what was delivered before stands", ACTIVE, DRAFT),
    _ordinary("german", "goes to the company of its customer", customer=GERMAN),
    _ordinary("of-a-contact", "goes; its customer is a contact", customer="contact:buyer-of-a-quote"),
    _ordinary(
        "draft-of-a-contact", "left out by quote_draft; its contact is a customer", DRAFT, customer="contact:buyer-of-a-draft"
    ),
    _ordinary("of-an-inactive", "held or waits: its customer is an inactive contact", customer="contact:buyer-inactive"),
    _ordinary("of-a-held-account", "waits for its customer, who is held", customer="Ruritania Imports"),
    _ordinary("of-a-closed-account", "waits for its customer, who is left out", customer="Closed Shop"),
    _header("no-date", "goes, with the date of var quote_date_when_blank", requestdeliveryby=None),
    _header("no-address", "goes without an address, or is held with var quote_blank_ship_to", **_NO_ADDRESS),
    _header("no-country", "held by quote_country_blank, or goes with var quote_country_when_blank", shipto_country=None),
    _header("unknown-country", "held by country_unmapped", shipto_country="Ruritania", shipto_stateorprovince=None),
    _header("long-number", "held by quote_number_too_long", quotenumber="QUO-01020-LONGER-THAN-TWENTY"),
    _header("taken", "held by quotation_confirmed: F&O confirmed another one under its number", quotenumber=TAKEN_NUMBER),
    _header("signs", "goes: its number needs care in addresses", quotenumber="Q/12:3+4%5&6 #7'8"),
    _header("year-1900", "goes: 1900-01-01 is how F&O shows an empty date", requestdeliveryby="1900-01-01T00:00:00Z"),
    _header("year-9999", "held by quote_date_out_of_range", requestdeliveryby="9999-12-31T00:00:00Z"),
    SpecialQuote(
        "texts", "goes unchanged: formula, SQL, right to left, emoji and line breaks",
        header={
            "name": '=HYPERLINK("http://x.example";"A")\r\n\'); drop table quotes; --',
            "shipto_name": "مستودع 🚚 <Nord> & \"Süd\"",
            "shipto_line1": "Straße 1\nHinterhaus",
        },
    ),
    _lines("foreign-product", "held by quote_line_product_foreign", {}, {"product": HAND_MADE}),
    _lines("write-in", "held by quote_line_write_in", {}, _WRITE_IN),
    _lines("blank-product", "held by quote_line_product_blank", {}, {"product": None}),
    _lines("bundle", "held by quote_line_bundle", {"producttypecode": BUNDLE}, {"producttypecode": BUNDLE_PRODUCT}),
    _lines("project", "held by quote_line_bundle", {"producttypecode": PROJECT_SERVICE}),
    _lines("stopped-product", "waits for its product, whose sale is stopped in F&O", {"product": STOPPED.number}),
    _lines(
        "not-sold-in-demf", "held by quote_line_product_not_released where units map to companies",
        {"product": _USMF_ONLY}, customer=GERMAN,
    ),
    _lines("no-lines", "held by quote_without_lines"),
    _lines(
        "thirds", "goes; the discount leaves a remainder of a cent",
        {"quantity": 3, "priceperunit": "33.33", "manualdiscountamount": "10"},
        {"quantity": 7, "priceperunit": "9.99", "manualdiscountamount": "0.01"},
    ),
    _lines(
        "ten-decimals", "held by quote_line_quantity_decimals",
        {"quantity": "0.0000000001", "priceperunit": "99.99"}, {"quantity": "1.1234567891"},
    ),
    _lines("zero-and-less", "held by quote_line_quantity", {"quantity": 0}, {"quantity": -2}),
    _lines("large", "goes", {"quantity": 99_999_999, "priceperunit": "9999.99"}),
    _lines("line-numbers", "goes; blank and zero are replaced", {"lineitemnumber": None}, {"lineitemnumber": 0}),
    _lines("line-number-twice", "goes; both are replaced", {"lineitemnumber": 2}, {"lineitemnumber": 2}),
    _header("case", "held by quote_number_shared: F&O takes it for the next one's", quotenumber="QUO-X-CASE"),
    _header("case-again", "held by quote_number_shared", quotenumber="quo-x-case"),
    SpecialQuote("header-money", "goes, warned by quote_header_amounts: discount and freight are F&O's", header=_MONEY),
)  # fmt: skip


def special_quotes(world: QuoteWorld, parents: Parents) -> Iterator[Document]:
    for index, special in enumerate(SPECIAL_QUOTES):
        customer = _customer(special.customer, world, parents)
        address = ship_to(parents.rows[GERMAN if special.customer == GERMAN else US])
        for revision, (state, status) in enumerate(special.revisions):
            header = world.header(("special", special.key), customer, special.number, revision) | {
                "name": f"Special: {special.key}",
                "statecode": state,
                "statuscode": status,
                "requestdeliveryby": wire_time(
                    world.until.replace(hour=0, minute=0, second=0) + timedelta(days=45)
                ),
                "modifiedon": wire_time(world.until - timedelta(days=20, minutes=index)),
                **address,
            }
            header = without_nulls(header | _decimals(special.header or {}))
            lines = [_line(world, header, customer, n, line) for n, line in enumerate(special.lines, start=1)]
            yield priced(header, lines)


def special_documents(world: QuoteWorld) -> Iterator[Record]:
    """The order and the invoice that make customers of special contacts."""
    for entity_set, kind in (("salesorders", "order"), ("invoices", "invoice")):
        for contact in SPECIAL_CONTACTS:
            if contact.customer_of == kind:
                customer = _customer(f"contact:{contact.key}", world, Parents())
                yield SALES, entity_set, document_row(world, kind, "X-1", customer, 0, 1)


def _line(world: QuoteWorld, header: Row, customer: Customer, number: int, differs: Row) -> Row:
    named = differs.get("product", 0)
    pool = world.products if named == _USMF_ONLY else world.sold_to(customer)
    product = pool[named % len(pool)] if isinstance(named, int) else pool[0]
    row = world.line(header, number, product, "2", world.price(product, customer.currency))
    if named is None:
        row["_productid_value"] = None
    elif isinstance(named, str) and named != _USMF_ONLY:
        guids = world.guids
        row |= {"_productid_value": guids.of("products", named), "_uomid_value": guids.of("uoms", "Each")}
    return without_nulls(
        row | _decimals({name: value for name, value in differs.items() if name != "product"})
    )


def _decimals(row: Row) -> Row:
    """Amounts are written as text here, so that none passes through a float."""
    amounts = ("quantity", "priceperunit", "manualdiscountamount", "discountamount", "freightamount")
    return {name: Decimal(str(value)) if name in amounts else value for name, value in row.items()}


def _customer(named: str, world: QuoteWorld, parents: Parents) -> Customer:
    kind, _, key = named.partition("contact:")
    if not key:
        return world.account_customer(parents.account(kind, world.guids))
    special = next(contact for contact in SPECIAL_CONTACTS if contact.key == key)
    return Customer(contact_guid(key, world.guids), str(special.row["lastname"]), "USD")
