"""What a released product gives to the line of a quotation or an order, and where the line is shipped from."""

from __future__ import annotations

from d365_sandbox.finops import errors
from d365_sandbox.finops.write import Write, missing, not_found
from d365_sandbox.schemas.entity import Fields

_SELLABLE = "SellableReleasedProducts"
_DISTINCT = "CDSReleasedDistinctProducts"
_ITEMS = "ReleasedProductsV2"


def take_product(write: Write) -> None:
    """Product and item number stand for each other: the general line sets name an item, whose first variant is
    taken when it has several (assumed)."""
    name = "ProductNumber" if "ProductNumber" in write.entity.fields else "ItemNumber"
    caption = "Product number" if name == "ProductNumber" else "Item number"
    number = write.text(name)
    if not number:
        raise missing(write, caption)
    distinct = (
        write.in_company(_DISTINCT, number)
        if name == "ProductNumber"
        else write.where(_DISTINCT, name, number)
    )
    sellable = write.in_company(_SELLABLE, str(distinct.fields["ProductNumber"]) if distinct else number)
    if distinct is None and sellable is None:
        raise not_found(write.entity, name, number, caption, "Released products")
    product: Fields = {**(distinct.fields if distinct else {}), **(sellable.fields if sellable else {})}
    write.fields["ProductNumber"] = product["ProductNumber"]
    write.fields["ItemNumber"] = product.get("ItemNumber") or product["ProductNumber"]
    if write.creating:
        _default_from_product(product, write)


def check_dimensions(write: Write) -> None:
    """A line ships from a site and a warehouse (finops-odata sheet, section 7)."""
    for name, caption in (("ShippingSiteId", "Site"), ("ShippingWarehouseId", "Warehouse")):
        if not write.text(name):
            sentence = f"Inventory dimension {caption} is mandatory and must consequently be specified."
            raise errors.rejected(write.entity.label, [f"Error: {sentence}"])


def _default_from_product(product: Fields, write: Write) -> None:
    """Unit and name, and the price together with its quantity where the caller sends no price (that a
    price which is sent is one per unit is assumed)."""
    write.fill("SalesUnitSymbol", product.get("SalesUnitSymbol"))
    write.fill("ProductName", product.get("ProductName"))
    write.fill("LineDescription", product.get("ProductName"))
    if "SalesPrice" not in write.given:
        write.fields["SalesPrice"] = product.get("SalesPrice", 0)
        item = write.in_company(_ITEMS, write.text("ItemNumber"))
        write.fill("SalesPriceQuantity", item.fields.get("SalesPriceQuantity") if item else None)
    write.fill("SalesPriceQuantity", 1)
