"""Products on document lines: which ones are allowed, and their prices in a price list."""

from __future__ import annotations

from collections.abc import Mapping

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.entities import ACTIVE
from d365_sandbox.dataverse.rules import check_group
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

NO_ERROR = 0  # pricingerrorcode; the numbers are published, when each is given is partly assumed
MISSING_PRICE_LIST = 2
INACTIVE_PRICE_LIST = 3
MISSING_QUANTITY = 4
MISSING_UNIT_PRICE = 5
NOT_IN_PRICE_LIST = 11
MISSING_PRICE_LIST_AMOUNT = 12

_INACTIVE = 1  # statecode of a price list


def check_product(tx: Transaction, entity: Entity, before: Row | None, fields: Fields) -> None:
    """A catalogue line names an active product and a unit of its group; a write-in line a description instead.

    Sets the names that the line shows. A product is judged when it comes onto the line: one that is retired
    later does not lock the line (assumed). Raises Refused.
    """
    if fields.get("isproductoverridden"):
        _check_write_in(fields)
        shown = fields["productdescription"]
    else:
        product = tx.table("products").get(str(fields.get("_productid_value")))
        if product is None:
            raise errors.Refused(400, "0x80043b0e", "The product id is missing.")
        if fields.get("_uomid_value") is None:
            raise errors.Refused(400, "0x80043b0d", "The unit id is missing.")
        check_group(tx, fields["_uomid_value"], product.fields.get("_defaultuomscheduleid_value"))
        is_new = before is None or before.fields.get("_productid_value") != product.key
        if is_new and product.fields.get("statecode") != ACTIVE:
            raise errors.Refused(400, "0x80040233", "The product is not active.")  # the code is assumed
        shown = product.fields.get("name")
    fields["productname"] = shown
    fields[entity.primary_name] = str(shown or "")[:100]


def _check_write_in(fields: Fields) -> None:
    """The codes are assumed."""
    if fields.get("_productid_value") is not None:
        raise errors.invalid("You cannot set both 'productid' and 'productdescription' for the same record.")
    if fields.get("_uomid_value") is not None:
        raise errors.invalid("You cannot set both 'uomid' and 'productdescription' for the same record.")
    if fields.get("productdescription") is None:
        raise errors.invalid("A write-in product needs a productdescription.")


def list_price(tx: Transaction, header: Mapping[str, Wire], line: Mapping[str, Wire]) -> tuple[Wire, int]:
    """The price of the line's product and unit in the header's price list, and a `pricingerrorcode`.

    Every pricing method but Currency Amount counts as one without an amount: percentages are not simulated.
    """
    price_list = tx.table("pricelevels").get(str(header.get("_pricelevelid_value")))
    if price_list is None:
        return 0, MISSING_PRICE_LIST
    if price_list.fields.get("statecode") == _INACTIVE:
        return 0, INACTIVE_PRICE_LIST
    table = tx.table("productpricelevels")
    wanted = {
        "_productid_value": line.get("_productid_value"),
        "_uomid_value": line.get("_uomid_value"),
        "_pricelevelid_value": price_list.key if isinstance(price_list.key, str) else None,
    }
    items = table.pick(set.intersection(*(table.holding(name, value) for name, value in wanted.items())))
    if not items:
        return 0, NOT_IN_PRICE_LIST
    amount = items[0].fields.get("amount")
    if amount is None or items[0].fields.get("pricingmethodcode", 1) != 1:
        return 0, MISSING_PRICE_LIST_AMOUNT
    return amount, NO_ERROR
