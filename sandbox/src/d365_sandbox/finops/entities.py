"""What the lists in schemas/finops do not hold: tables behind the entities, labels, references, defaults.

`DecisionMakingRoles` is not in the published metadata that the other lists come from: set, key and fields are
those of public clients generated from $metadata, its type name and lengths are assumed.

Captions and labels are those of the standard en-us client as far as they are published, else assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from d365_sandbox.schemas.entity import Entity, Wire
from d365_sandbox.schemas.finops_lists import read_finops


@dataclass(frozen=True, slots=True)
class Backing:
    """The table behind a data entity as messages name it: caption, table and the caption of its number
    field.

    `key_fields` are those that a duplicate is named by, when that is not the last field of the key.
    """

    caption: str
    table: str
    key_caption: str
    key_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A field whose value must exist in another set.

    `same_company` adds the row's own company to the key; `caption` and `related` name the field and the
    related table in the Infolog.
    """

    field: str
    set_name: str
    target: str
    caption: str
    related: str
    same_company: bool = True


BACKINGS: Mapping[str, Backing] = {
    "CustomersV3": Backing("Customers", "CustTable", "Customer account"),
    "CustomerGroups": Backing("Customer groups", "CustGroup", "Customer group"),
    "SellableReleasedProducts": Backing("Released products", "InventTable", "Product number"),
    "ReleasedProductsV2": Backing("Released products", "InventTable", "Item number"),
    "CDSReleasedDistinctProducts": Backing("Released products", "InventTable", "Product number"),
    "UnitsOfMeasure": Backing("Units", "UnitOfMeasure", "Unit"),
    "Currencies": Backing("Currencies", "Currency", "Currency"),
    "LegalEntities": Backing("Legal entities", "CompanyInfo", "Company"),
    "OperationalSites": Backing("Sites", "InventSite", "Site"),
    "Warehouses": Backing("Warehouses", "InventLocation", "Warehouse"),
    "AddressCountryRegions": Backing("Country/regions", "LogisticsAddressCountryRegion", "Country/region"),
    "AddressStates": Backing("States", "LogisticsAddressState", "State"),
    "DecisionMakingRoles": Backing("Decision", "smmDecisionGroup", "Decision"),
    "CDSContactPersons": Backing(
        "Contacts",
        "ContactPerson",
        "Party ID",
        ("ContactPersonPartyNumber", "AssociatedPartyNumber"),
    ),
    "CDSSalesQuotationHeaders": Backing("Quotations", "SalesQuotationTable", "Quotation"),
    "CDSSalesQuotationLines": Backing(
        "Quotation lines",
        "SalesQuotationLine",
        "Quotation",
        ("SalesQuotationNumber", "LineCreationSequenceNumber"),
    ),
    "PaymentTerms": Backing("Terms of payment", "PaymTerm", "Terms of payment"),
    "CDSSalesCharges": Backing("Charges code", "MarkupTable", "Charges code"),
    "CDSSalesOrderHeaders": Backing("Sales orders", "SalesTable", "Sales order"),
    "CDSSalesOrderLines": Backing(
        "Order lines", "SalesLine", "Sales order", ("SalesOrderNumber", "LineCreationSequenceNumber")
    ),
    "SalesInvoiceHeadersV2": Backing("Customer invoice journal", "CustInvoiceJour", "Invoice"),
    "SalesInvoiceV2Lines": Backing("Customer invoice lines", "CustInvoiceTrans", "Invoice"),
    "DataManagementDefinitionGroups": Backing("Definition groups", "DMFDefinitionGroup", "Group name"),
    "DataManagementDefinitionGroupDetails": Backing(
        "Entities for a processing group",
        "DMFDefinitionGroupEntity",
        "Group name",
        ("DefinitionGroupId", "EntityName"),
    ),
}

_COMPANY = Reference(
    "dataAreaId", "LegalEntities", "LegalEntityId", "Company", "Legal entities", same_company=False
)
_CURRENCY = Reference(
    "CurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies", same_company=False
)
_UNIT = Reference("SalesUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units", same_company=False)
_PRODUCT = (
    _COMPANY,
    _CURRENCY,
    _UNIT,
    Reference("InventoryUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units", same_company=False),
)


def _account(field: str, caption: str) -> Reference:
    return Reference(field, "CustomersV3", "CustomerAccount", caption, "Customers")


def _site(field: str) -> Reference:
    return Reference(field, "OperationalSites", "SiteId", "Site", "Sites")


def _warehouse(field: str) -> Reference:
    return Reference(field, "Warehouses", "WarehouseId", "Warehouse", "Warehouses")


REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    "CustomersV3": (
        _COMPANY,
        Reference(
            "CustomerGroupId", "CustomerGroups", "CustomerGroupId", "Customer group", "Customer groups"
        ),
        Reference(
            "SalesCurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies", same_company=False
        ),
        _site("SiteId"),
        _warehouse("WarehouseId"),
        _account("InvoiceAccount", "Invoice account"),
    ),
    "CustomerGroups": (_COMPANY,),
    "OperationalSites": (_COMPANY,),
    "Warehouses": (_COMPANY, _site("OperationalSiteId")),
    "SellableReleasedProducts": _PRODUCT,
    "CDSReleasedDistinctProducts": _PRODUCT,
    "ReleasedProductsV2": (_COMPANY,),
    "DecisionMakingRoles": (_COMPANY,),
    "CDSContactPersons": (
        _COMPANY,
        Reference("DecisionMakingRoleCode", "DecisionMakingRoles", "RoleName", "Decision", "Decision"),
    ),
    "CDSSalesQuotationHeaders": (
        _COMPANY,
        _account("RequestingCustomerAccountNumber", "Customer account"),
        _account("InvoiceCustomerAccountNumber", "Invoice account"),
        _CURRENCY,
        _site("DefaultShippingSiteId"),
        _warehouse("DefaultShippingWarehouseId"),
    ),
    "CDSSalesQuotationLines": (
        _COMPANY,
        _UNIT,
        _site("ShippingSiteId"),
        _warehouse("ShippingWarehouseId"),
    ),
    "PaymentTerms": (_COMPANY,),
    "CDSSalesCharges": (_COMPANY,),
    "CDSSalesOrderHeaders": (
        _COMPANY,
        _account("OrderingCustomerAccountNumber", "Customer account"),
        _account("InvoiceCustomerAccountNumber", "Invoice account"),
        _CURRENCY,
        Reference("PaymentTermsName", "PaymentTerms", "Name", "Terms of payment", "Terms of payment"),
        _site("DefaultShippingSiteId"),
        _warehouse("DefaultShippingWarehouseId"),
    ),
    "CDSSalesOrderLines": (_COMPANY, _UNIT, _site("ShippingSiteId"), _warehouse("ShippingWarehouseId")),
}

REQUIRED: Mapping[str, Mapping[str, str]] = {
    "CustomersV3": {"CustomerGroupId": "Customer group", "SalesCurrencyCode": "Currency"},
    "CDSSalesQuotationHeaders": {
        "RequestingCustomerAccountNumber": "Customer account",
        "CurrencyCode": "Currency",
    },
    "CDSSalesQuotationLines": {"ProductNumber": "Product number", "SalesUnitSymbol": "Unit"},
    "CDSSalesOrderHeaders": {"OrderingCustomerAccountNumber": "Customer account", "CurrencyCode": "Currency"},
    "CDSSalesOrderLines": {"ProductNumber": "Product number", "SalesUnitSymbol": "Unit"},
}
"""Required fields with their captions."""


@dataclass(frozen=True, slots=True)
class NumberSequence:
    """A key that the server assigns when a POST leaves it out, with the sandbox's format of it.

    `manual` names the parameter that lets callers choose numbers of their own.
    """

    field: str
    format: str
    caption: str
    manual: str


NUMBER_SEQUENCES: Mapping[str, NumberSequence] = {
    "CustomersV3": NumberSequence(
        "CustomerAccount", "C-{:06d}", "Customer account", "manual_customer_accounts"
    ),
    "CDSSalesQuotationHeaders": NumberSequence(
        "SalesQuotationNumber", "QUO-{:06d}", "Quotation", "manual_quotation_numbers"
    ),
    "CDSSalesOrderHeaders": NumberSequence(
        "SalesOrderNumber", "SO-{:06d}", "Sales order", "manual_order_numbers"
    ),
}

DATA_SOURCES: Mapping[str, int] = {
    "CDSContactPersonsV2": 2,
    "CDSSalesOrderHeaders": 2,
    "CDSSalesOrderLines": 2,
    "CDSSalesOrderLinesV2": 2,
    "SalesOrderHeadersV2": 3,
    "SalesOrderHeadersV4": 3,
}
"""Entities that join several tables: their etags have a part for each. The numbers are assumed; the parts
beside the first are those of tables without a row, `0,0`, as published captures show them."""

_DEFAULTS: Mapping[str, Mapping[str, Wire]] = {
    "CustomersV3": {"PartyType": "Organization", "LanguageId": "en-us"},
    "SellableReleasedProducts": {"ProductType": "Item"},
}


def finops_entities() -> dict[str, Entity]:
    """Every data entity by set name."""
    return {e.set_name: replace(e, defaults=_DEFAULTS.get(e.set_name, {})) for e in read_finops()}
