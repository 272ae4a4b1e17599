"""What the lists in schemas/sales do not hold: keys, defaults, unique columns and what a delete does.

Defaults are those of the published table definitions where they are known and assumed otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from d365_sandbox.dataverse.options import SalesOptions
from d365_sandbox.schemas.dataverse_lists import read_sales
from d365_sandbox.schemas.entity import Entity, Wire

DRAFT, ACTIVE, RETIRED, UNDER_REVISION = 2, 0, 1, 3  # statecode of a product
STATUS_OF_STATE = {DRAFT: 0, ACTIVE: 1, RETIRED: 2, UNDER_REVISION: 3}

_LINE: Mapping[str, Wire] = {"producttypecode": 1, "propertyconfigurationstatus": 2, "pricingerrorcode": 0}
_DOCUMENT: Mapping[str, Wire] = {"statecode": 0, "statuscode": 1, "pricingerrorcode": 0}

_DEFAULTS: Mapping[str, Mapping[str, Wire]] = {
    "accounts": {
        "statecode": 0,
        "statuscode": 1,
        "followemail": True,
        "preferredcontactmethodcode": 1,
        "shippingmethodcode": 1,
        "customersizecode": 1,
        "accountclassificationcode": 1,
        "accountratingcode": 1,
        "businesstypecode": 1,
        "territorycode": 1,
    },
    "contacts": {
        "statecode": 0,
        "statuscode": 1,
        "followemail": True,
        "preferredcontactmethodcode": 1,
        "shippingmethodcode": 1,
        "customersizecode": 1,
        "customertypecode": 1,
        "leadsourcecode": 1,
        "haschildrencode": 1,
        "educationcode": 1,
        "territorycode": 1,
    },
    "quotes": {**_DOCUMENT, "revisionnumber": 0},
    "quotecloses": {"statecode": 0, "statuscode": 1},
    "ordercloses": {"statecode": 0, "statuscode": 1},
    "salesorders": _DOCUMENT,
    "invoices": _DOCUMENT,
    "quotedetails": _LINE,
    "salesorderdetails": _LINE,
    "invoicedetails": _LINE,
    "businessunits": {"isdisabled": False},
    "teams": {"teamtype": 0, "isdefault": False},
    "products": {
        "statecode": DRAFT,
        "statuscode": 0,
        "productstructure": 1,
        "producttypecode": 1,
        "quantitydecimal": 2,
    },
    "productpricelevels": {
        "pricingmethodcode": 1,
        "quantitysellingcode": 1,
        "roundingpolicycode": 1,
        "roundingoptioncode": 1,
    },
    "pricelevels": {"statecode": 0, "statuscode": 100001},
    "uomschedules": {"statecode": 0, "statuscode": 1},
    "uoms": {"quantity": 1, "isschedulebaseuom": False},
    "transactioncurrencies": {"statecode": 0, "statuscode": 1, "exchangerate": 1, "currencyprecision": 2},
    "systemusers": {
        "accessmode": 0,
        "caltype": 0,
        "islicensed": True,
        "setupuser": False,
        "isintegrationuser": False,
        "userlicensetype": 0,
    },
    # Of a new user: English, and the time zone of the organisation's default, GMT (assumed).
    "usersettingscollection": {"localeid": 1033, "uilanguageid": 1033, "timezonecode": 85},
    "organizations": {
        "createproductswithoutparentinactivestate": False,
        "oobpricecalculationenabled": True,
        "discountcalculationmethod": 0,
        "languagecode": 1033,
        "expirechangetrackingindays": 7,
    },
}

_UNIQUE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "products": (("productnumber",),),
    "pricelevels": (("name",),),
    "uomschedules": (("name",),),
    "uoms": (("_uomscheduleid_value", "name"),),
    "transactioncurrencies": (("isocurrencycode",),),
    "quotes": (("quotenumber", "revisionnumber"),),
    "salesorders": (("ordernumber",),),
    "invoices": (("invoicenumber",),),
    "businessunits": (("name",),),
}

UNTRACKED = frozenset({"organizations", "usersettingscollection", "sdkmessages", "sdkmessagefilters"})
"""Tables without change tracking and without optimistic concurrency, if nothing else is set (assumed)."""

WITHOUT_BULK = UNTRACKED | {"businessunits", "systemusers", "teams"}
"""Tables without CreateMultiple and its like, if nothing else is set (assumed; a client asks sdkmessagefilters)."""

OnDelete = Literal["restrict", "cascade", "clear"]
Referrer = tuple[str, str, OnDelete]
_OWNED = ("accounts", "contacts", "quotes", "salesorders", "invoices")


def _restricted(column: str, *sets: str) -> tuple[Referrer, ...]:
    return tuple((name, column, "restrict") for name in sets)


ON_DELETE: Mapping[str, tuple[Referrer, ...]] = {
    "transactioncurrencies": _restricted("_transactioncurrencyid_value", "pricelevels", "products", *_OWNED),
    "uomschedules": (
        ("products", "_defaultuomscheduleid_value", "restrict"),
        ("uoms", "_uomscheduleid_value", "cascade"),
    ),
    "uoms": (
        ("products", "_defaultuomid_value", "restrict"),
        *_restricted(
            "_uomid_value", "productpricelevels", "quotedetails", "salesorderdetails", "invoicedetails"
        ),
        ("uoms", "_baseuom_value", "restrict"),
    ),
    "products": (
        ("products", "_parentproductid_value", "restrict"),
        *_restricted("_productid_value", "quotedetails", "salesorderdetails", "invoicedetails"),
        ("productpricelevels", "_productid_value", "cascade"),
    ),
    "pricelevels": (
        *_restricted("_pricelevelid_value", "quotes", "salesorders", "invoices"),
        ("productpricelevels", "_pricelevelid_value", "cascade"),
        ("products", "_pricelevelid_value", "clear"),
    ),
    "accounts": (
        *_restricted("_accountid_value", "quotes", "salesorders", "invoices"),
        ("contacts", "_accountid_value", "cascade"),
        ("accounts", "_parentaccountid_value", "clear"),
    ),
    "contacts": (
        *_restricted("_contactid_value", "quotes", "salesorders", "invoices"),
        ("contacts", "_parentcontactid_value", "cascade"),
        ("accounts", "_primarycontactid_value", "clear"),
    ),
    "quotes": (
        ("quotedetails", "_quoteid_value", "cascade"),
        ("quotecloses", "_quoteid_value", "cascade"),
        ("salesorders", "_quoteid_value", "clear"),
    ),
    "salesorders": (
        ("ordercloses", "_salesorderid_value", "cascade"),
        ("salesorderdetails", "_salesorderid_value", "cascade"),
        ("invoices", "_salesorderid_value", "clear"),
    ),
    "invoices": (("invoicedetails", "_invoiceid_value", "cascade"),),
    "systemusers": (
        *_restricted("_owninguser_value", *_OWNED),
        ("usersettingscollection", "systemuserid", "cascade"),
    ),
    "teams": _restricted("_owningteam_value", *_OWNED),
    "businessunits": (
        ("businessunits", "_parentbusinessunitid_value", "restrict"),
        ("systemusers", "_businessunitid_value", "restrict"),
        ("teams", "_businessunitid_value", "cascade"),
    ),
}
"""Per set: who refers to it, through which column, and what happens there when a row is deleted (assumed, but that
a document takes its lines along)."""


def _known(what: str, entity: Entity, groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """The groups of columns. Raises ValueError when the table lacks one of them."""
    for column in (c for group in groups for c in group):
        if column not in entity.fields:
            raise ValueError(f"The {what} {entity.set_name}={column} names no column of the table.")
    return groups


def sales_entities(
    alternate_keys: Mapping[str, tuple[tuple[str, ...], ...]] | None = None,
    options: SalesOptions | None = None,
) -> dict[str, Entity]:
    """Every table by set name. Raises ValueError when an alternate key or a rule names an unknown set or column."""
    declared = dict(alternate_keys or {})
    options = options or SalesOptions()
    untracked = UNTRACKED if options.untracked is None else options.untracked
    without_bulk = WITHOUT_BULK if options.without_bulk is None else options.without_bulk
    rules: dict[str, tuple[tuple[str, ...], ...]] = {}
    for set_name, columns in options.duplicate_rules:
        rules[set_name] = (*rules.get(set_name, ()), columns)
    found: dict[str, Entity] = {}
    for entity in read_sales():
        keys = _known("alternate key", entity, declared.pop(entity.set_name, ()))
        detected = _known("duplicate rule", entity, rules.pop(entity.set_name, ()))
        booleans: dict[str, Wire] = {
            f.name: False for f in entity.fields.values() if f.kind == "boolean" and f.on_create
        }
        found[entity.set_name] = replace(
            entity,
            alternate_keys=keys,
            duplicate_rules=detected,
            unique=_UNIQUE.get(entity.set_name, ()),
            defaults={**booleans, **_DEFAULTS.get(entity.set_name, {})},
            change_tracking=entity.set_name not in untracked,
            optimistic_concurrency=entity.set_name not in UNTRACKED,
            bulk_actions=entity.set_name not in without_bulk,
        )
    for set_name in rules:
        raise ValueError(f"The duplicate rule {set_name}=... names no set of Sales that the sandbox has.")
    for set_name in declared:
        raise ValueError(f"The alternate key {set_name}=... names no set of Sales that the sandbox has.")
    return found
