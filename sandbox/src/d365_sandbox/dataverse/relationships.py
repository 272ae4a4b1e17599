"""One-to-many relationships between the tables, and the navigation properties on both of their ends.

The end at the lookup is described by the column lists. The other end is a collection whose name is the
relationship's schema name: the published one where it is known, else one made after the same pattern (assumed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from d365_sandbox.dataverse.derived import sides
from d365_sandbox.schemas.entity import Entity, Field

PRINCIPAL = "principal"  # what an owner is: a user or a team

_PUBLISHED = {
    ("contact", "parentcustomerid", "account"): "contact_customer_accounts",
    ("contact", "parentcustomerid", "contact"): "contact_customer_contacts",
    ("account", "parentaccountid", "account"): "account_parent_account",
    ("account", "masterid", "account"): "account_master_account",
    ("account", "primarycontactid", "contact"): "account_primary_contact",
    ("contact", "masterid", "contact"): "contact_master_contact",
    ("quote", "customerid", "account"): "quote_customer_accounts",
    ("quote", "customerid", "contact"): "quote_customer_contacts",
    ("salesorder", "customerid", "account"): "order_customer_accounts",
    ("salesorder", "customerid", "contact"): "order_customer_contacts",
    ("invoice", "customerid", "account"): "invoice_customer_accounts",
    ("invoice", "customerid", "contact"): "invoice_customer_contacts",
    ("quotedetail", "quoteid", "quote"): "quote_details",
    ("quoteclose", "quoteid", "quote"): "Quote_QuoteClose",
    ("orderclose", "salesorderid", "salesorder"): "SalesOrder_OrderClose",
    ("salesorder", "quoteid", "quote"): "quote_orders",
    ("quotedetail", "parentbundleidref", "quotedetail"): "quotedetail_parentref_quotedetail",
    ("salesorderdetail", "quotedetailid", "quotedetail"): "quotedetail_salesorderdetail",
    ("salesorderdetail", "salesorderid", "salesorder"): "order_details",
    ("invoice", "salesorderid", "salesorder"): "order_invoices",
    ("salesorderdetail", "parentbundleidref", "salesorderdetail"): (
        "salesorderdetail_parentref_salesorderdetail"
    ),
    ("invoicedetail", "salesorderdetailid", "salesorderdetail"): "salesorderdetail_invoicedetail",
    ("invoicedetail", "invoiceid", "invoice"): "invoice_details",
    ("invoicedetail", "parentbundleidref", "invoicedetail"): "invoicedetail_parentref_invoicedetail",
    ("productpricelevel", "productid", "product"): "product_price_levels",
    ("quotedetail", "productid", "product"): "product_quote_details",
    ("salesorderdetail", "productid", "product"): "product_order_details",
    ("invoicedetail", "productid", "product"): "product_invoice_details",
    ("product", "parentproductid", "product"): "product_parent_product",
    ("productpricelevel", "pricelevelid", "pricelevel"): "price_level_product_price_levels",
    ("product", "pricelevelid", "pricelevel"): "price_level_products",
    ("quote", "pricelevelid", "pricelevel"): "price_level_quotes",
    ("salesorder", "pricelevelid", "pricelevel"): "price_level_orders",
    ("invoice", "pricelevelid", "pricelevel"): "price_level_invoices",
    ("uom", "baseuom", "uom"): "unit_of_measurement_base_unit",
    ("product", "defaultuomid", "uom"): "unit_of_measurement_products",
    ("productpricelevel", "uomid", "uom"): "unit_of_measurement_product_price_levels",
    ("quotedetail", "uomid", "uom"): "unit_of_measurement_quote_details",
    ("salesorderdetail", "uomid", "uom"): "unit_of_measurement_order_details",
    ("invoicedetail", "uomid", "uom"): "unit_of_measurement_invoice_details",
    ("uom", "uomscheduleid", "uomschedule"): "unit_of_measure_schedule_conversions",
    ("product", "defaultuomscheduleid", "uomschedule"): "unit_of_measure_schedule_products",
    ("productpricelevel", "uomscheduleid", "uomschedule"): "unit_of_measure_schedule_product_price_level",
    ("businessunit", "parentbusinessunitid", "businessunit"): "business_unit_parent_business_unit",
    ("systemuser", "businessunitid", "businessunit"): "business_unit_system_users",
    ("team", "businessunitid", "businessunit"): "business_unit_teams",
    ("systemuser", "parentsystemuserid", "systemuser"): "user_parent_user",
    ("team", "administratorid", "systemuser"): "lk_teambase_administratorid",
    ("sdkmessagefilter", "sdkmessageid", "sdkmessage"): "sdkmessageid_sdkmessagefilter",
}
_CUSTOMERS = ("_customerid_value", "_parentcustomerid_value")
_PLURALS = {"salesorder": "orders"}


@dataclass(frozen=True, slots=True)
class Relationship:
    """`navigation` stands at the lookup, `name` is the collection at the other end."""

    name: str
    referencing: Entity
    lookup: Field
    navigation: str
    referenced: Entity


class Relationships:
    """All relationships among the tables that are kept."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self._by_type = {e.type_name: e for e in entities.values()}
        self.all = tuple(r for e in entities.values() for r in self._from(e))

    def known(self, type_name: str) -> Entity | None:
        """The table of this logical name, when it is kept."""
        return self._by_type.get(type_name)

    @cached_property
    def collections(self) -> Mapping[str, Mapping[str, Relationship]]:
        """Per set: its collection-valued navigation properties."""
        found: dict[str, dict[str, Relationship]] = {e.set_name: {} for e in self._by_type.values()}
        for relationship in self.all:
            if relationship.navigation:
                found[relationship.referenced.set_name][relationship.name] = relationship
        return found

    @cached_property
    def lookups(self) -> Mapping[str, Mapping[str, tuple[Field, tuple[str, ...]]]]:
        """Per set: its single-valued navigation properties, each with its column and the tables it may lead to."""
        return {e.set_name: dict(single_valued(e)) for e in self._by_type.values()}

    def _from(self, entity: Entity) -> Iterator[Relationship]:
        for navigation, (lookup, targets) in single_valued(entity):
            for target in targets:
                referenced = self._by_type.get(target)
                if referenced is not None:
                    name = _name(entity, lookup, target)
                    yield Relationship(name, entity, lookup, navigation, referenced)


def single_valued(entity: Entity) -> Iterator[tuple[str, tuple[Field, tuple[str, ...]]]]:
    """The navigation properties at the lookups of a table, those that only the server sets included.

    The columns beside a customer (`accountid` beside `customerid`) have none of their own.
    """
    copies = {column for name in _CUSTOMERS if name in entity.fields for column in sides(name).values()}
    for lookup in entity.fields.values():
        if not lookup.is_lookup or lookup.name in copies:
            continue
        if not lookup.navigation:
            yield lookup.logical, (lookup, lookup.targets)
        for navigation, targets in lookup.navigation.items():
            yield navigation, (lookup, targets)


def _name(entity: Entity, lookup: Field, target: str) -> str:
    table, column = entity.type_name, lookup.logical
    published = _PUBLISHED.get((table, column, target))
    if published:
        return published
    plural = _PLURALS.get(table, entity.set_name)
    patterns = {
        "transactioncurrencyid": f"transactioncurrency_{table}",
        "owningbusinessunit": f"business_unit_{plural}",
        "owningteam": f"team_{plural}",
        "owninguser": f"user_{plural}",
        "ownerid": f"owner_{plural}" if target == "systemuser" else f"owner_team_{plural}",
        "organizationid": f"organization_{plural}",
    }
    return patterns.get(column) or f"lk_{table}base_{column}"
