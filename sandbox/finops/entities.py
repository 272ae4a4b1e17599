"""What the lists of sandbox/schemas/finops cannot say: tables behind the entities, labels, references,
defaults.

`DecisionMakingRoles` is not in the published metadata that the other lists come from: set, key and fields are
those of public clients generated from $metadata, its type name and lengths are assumed.

Captions and labels are those of the standard en-us client as far as they are published, else assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.description import Entity, Wire, read_finops


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
_PRODUCT = (
    _COMPANY,
    _CURRENCY,
    Reference("SalesUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units", same_company=False),
    Reference("InventoryUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units", same_company=False),
)
REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    "CustomersV3": (
        _COMPANY,
        Reference(
            "CustomerGroupId", "CustomerGroups", "CustomerGroupId", "Customer group", "Customer groups"
        ),
        Reference(
            "SalesCurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies", same_company=False
        ),
        Reference("SiteId", "OperationalSites", "SiteId", "Site", "Sites"),
        Reference("WarehouseId", "Warehouses", "WarehouseId", "Warehouse", "Warehouses"),
        Reference("InvoiceAccount", "CustomersV3", "CustomerAccount", "Invoice account", "Customers"),
    ),
    "CustomerGroups": (_COMPANY,),
    "OperationalSites": (_COMPANY,),
    "Warehouses": (_COMPANY, Reference("OperationalSiteId", "OperationalSites", "SiteId", "Site", "Sites")),
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
        Reference(
            "RequestingCustomerAccountNumber",
            "CustomersV3",
            "CustomerAccount",
            "Customer account",
            "Customers",
        ),
        Reference(
            "InvoiceCustomerAccountNumber", "CustomersV3", "CustomerAccount", "Invoice account", "Customers"
        ),
        _CURRENCY,
        Reference("DefaultShippingSiteId", "OperationalSites", "SiteId", "Site", "Sites"),
        Reference("DefaultShippingWarehouseId", "Warehouses", "WarehouseId", "Warehouse", "Warehouses"),
    ),
    "CDSSalesQuotationLines": (
        _COMPANY,
        Reference("SalesUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units", same_company=False),
        Reference("ShippingSiteId", "OperationalSites", "SiteId", "Site", "Sites"),
        Reference("ShippingWarehouseId", "Warehouses", "WarehouseId", "Warehouse", "Warehouses"),
    ),
}

REQUIRED: Mapping[str, Mapping[str, str]] = {
    "CustomersV3": {"CustomerGroupId": "Customer group", "SalesCurrencyCode": "Currency"},
    "CDSSalesQuotationHeaders": {
        "RequestingCustomerAccountNumber": "Customer account",
        "CurrencyCode": "Currency",
    },
    "CDSSalesQuotationLines": {"ProductNumber": "Product number", "SalesUnitSymbol": "Unit"},
}
"""Required fields with their captions."""

NUMBER_SEQUENCES: Mapping[str, tuple[str, str]] = {"CustomersV3": ("CustomerAccount", "C-{:06d}")}
"""Keys that the server assigns when a POST leaves them out, with the format of the sandbox's sequence."""

_DEFAULTS: Mapping[str, Mapping[str, Wire]] = {
    "CustomersV3": {"PartyType": "Organization", "LanguageId": "en-us"},
    "SellableReleasedProducts": {"ProductType": "Item"},
}


def finops_entities() -> dict[str, Entity]:
    """Every data entity by set name."""
    return {e.set_name: replace(e, defaults=_DEFAULTS.get(e.set_name, {})) for e in read_finops()}
