"""Records entered in Finance and Operations by hand that resemble records of Sales."""

from collections.abc import Iterator

from d365_sandbox.records.shapes import FINOPS, Record
from d365_sandbox.records.special_quotes import TAKEN_NUMBER


def customers() -> Iterator[Record]:
    """One to adopt by its number, and a near duplicate: name and city of an account, and another number.

    The duplicate must stay as it is; nobody here can know whether it is the same company.
    """
    for number, party, name, city in (
        ("US-027", "000000027", "Birch Company", ""),
        ("US-028", "000000028", "Golden State Wheels", "Fresno"),
    ):
        row: dict[str, object] = {
            "dataAreaId": "usmf",
            "CustomerAccount": number,
            "PartyNumber": party,
            "PartyType": "Organization",
            "OrganizationName": name,
            "CustomerGroupId": "30",
            "SalesCurrencyCode": "USD",
        }
        yield FINOPS, "CustomersV3", row | ({"AddressCity": city} if city else {})


def contact_persons() -> Iterator[Record]:
    """A near duplicate of contact `known-to-finops`: same name, mail and customer, and a number of its own."""
    yield (
        FINOPS,
        "CDSContactPersons",
        {
            "dataAreaId": "usmf",
            "ContactPersonPartyNumber": "000000029",
            "AssociatedPartyNumber": "000000027",
            "FirstName": "Ursula",
            "LastName": "Birch",
            "PrimaryEmailAddress": "ursula@birch.example",
            "IsContactPersonExternallyMaintained": "No",
        },
    )


def quotations() -> Iterator[Record]:
    """A quotation that was confirmed for another customer under the number of a quote: never to be written."""
    yield (
        FINOPS,
        "CDSSalesQuotationHeaders",
        {
            "dataAreaId": "usmf",
            "SalesQuotationNumber": TAKEN_NUMBER,
            "SalesQuotationName": "Birch Company",
            "RequestingCustomerAccountNumber": "US-027",
            "InvoiceCustomerAccountNumber": "US-027",
            "CurrencyCode": "USD",
            "SalesQuotationStatus": "Confirmed",
        },
    )
