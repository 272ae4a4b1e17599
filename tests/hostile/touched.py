"""Which records are touched: their own payload, or what they refer to, was replaced, or their key may have a hostile twin.

Every driving record has tokens of what it depends on, every replaced row tokens of what depends on it, both before and
after the replacement. A record is touched if it shares a token. What is not touched must end as without hostile values.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.dbt.warehouse import GROUP
from tests.hostile.comparing import assigned_numbers, coarse, same_id, text_of, trimmed
from tests.hostile.world import Place, Row, Rows

Token = tuple[object, ...]
Unit = tuple[str, str]
DEFAULTS = {
    "CustomerGroups": ("CustomerGroupId", "10"),
    "OperationalSites": ("SiteId", "1"),
    "Warehouses": ("WarehouseId", "13"),
}
COMPANIES = {"north": "usmf", "south": "demf", "west": "frrt"}


def company(row: Row) -> str:
    return text_of(row.get("dataAreaId")).lower()


def code(value: object) -> str:
    return trimmed(value).upper()


class Dependencies:
    """What the driving records of a world depend on."""

    def __init__(self, rows: Rows) -> None:
        self.sales = {entity: found for (system, entity), found in rows.items() if system == "sales"}
        self.finops = {entity: found for (system, entity), found in rows.items() if system == "finops"}
        self.codes = {
            same_id(key): code(row.get("isocurrencycode"))
            for key, row in self.sales["transactioncurrencies"].items()
        }
        self.units = {same_id(key): row.get("name") for key, row in self.sales["uoms"].items()}
        self.numbers = {
            same_id(key): coarse(row.get("productnumber")) for key, row in self.sales["products"].items()
        }
        self.owners = {
            key.lower(): COMPANIES.get(trimmed(row.get("name")).lower(), "")
            for key, row in self.sales["businessunits"].items()
        }

    def of_all(self) -> dict[Unit, set[Token]]:
        found: dict[Unit, set[Token]] = {}
        for key, row in self.sales["accounts"].items():
            found["accounts", key] = set(self.of_account(key, row))
        for key, row in self.sales["contacts"].items():
            found["contacts", key] = set(self.of_contact(key, row))
        for key, row in self.finops["SellableReleasedProducts"].items():
            found["products", key] = set(self.of_product(key, row))
        lines: dict[str, list[Row]] = {}
        for row in self.sales["quotedetails"].values():
            lines.setdefault(same_id(row.get("_quoteid_value")), []).append(row)
        for key, row in self.sales["quotes"].items():
            found["quotes", key] = set(self.of_quote(key, row, lines.get(same_id(key), [])))
        return found

    def of_master(self, key: str, row: Row, number: object, prefix: str) -> Iterator[Token]:
        yield ("record", same_id(key))
        if trimmed(number):
            yield ("number", coarse(number))
        else:
            yield from (("number", one) for one in assigned_numbers(prefix, key))
        yield ("currency", same_id(row.get("_transactioncurrencyid_value")))
        yield ("finops currency", self.codes.get(same_id(row.get("_transactioncurrencyid_value"))))
        yield from self.of_owner(row)

    def of_owner(self, row: Row) -> Iterator[Token]:
        owner = text_of(row.get("_owningbusinessunit_value")).lower()
        yield ("owner", owner)
        yield ("company", self.owners.get(owner, ""))

    def of_account(self, key: str, row: Row) -> Iterator[Token]:
        yield from self.of_master(key, row, row.get("accountnumber"), "ACC")
        yield ("parent", same_id(row.get("_parentaccountid_value")))
        yield ("name", coarse(row.get("name")))
        contact = same_id(row.get("_primarycontactid_value"))
        yield ("contact person", f"{contact}/{key}")

    def of_contact(self, key: str, row: Row) -> Iterator[Token]:
        yield from self.of_master(key, row, row.get("employeeid"), "CON")
        parent = same_id(row.get("_parentcustomerid_value"))
        yield ("record", parent)
        yield from self.of_owner(self.sales["accounts"].get(parent, {}))
        yield ("name", coarse(row.get("lastname")) + coarse(row.get("firstname")))
        yield ("role", trimmed(row.get("accountrolecode")))
        yield ("sold to", same_id(key))

    def of_product(self, key: str, row: Row) -> Iterator[Token]:
        home, number = company(row), coarse(row.get("ProductNumber"))
        yield ("product number", number)
        yield ("price number", number)
        yield ("currency code", code(row.get("CurrencyCode")))
        yield from self.of_unit(row.get("SalesUnitSymbol"))
        yield ("item of", home, number)
        for one in self.finops["CDSReleasedDistinctProducts"].values():
            if company(one) == home and coarse(one.get("ProductNumber")) == number:
                yield ("item", home, coarse(one.get("ItemNumber")))
        for currency, one_code in self.codes.items():
            if one_code == code(row.get("CurrencyCode")):
                yield ("price list of", currency)
        for product, one_number in self.numbers.items():
            if one_number == number:
                yield ("prices of", product)

    def of_unit(self, symbol: object) -> Iterator[Token]:
        yield ("unit", coarse(symbol))
        yield ("unit of group", GROUP, coarse(symbol))
        for one in self.finops["UnitsOfMeasure"].values():
            if coarse(one.get("UnitSymbol")) == coarse(symbol):
                yield ("unit of group", GROUP, coarse(one.get("UnitDescription")))

    def of_quote(self, key: str, row: Row, lines: list[Row]) -> Iterator[Token]:
        yield ("quote", same_id(key))
        yield ("quote number", coarse(row.get("quotenumber")))
        customer = same_id(row.get("_customerid_value"))
        yield ("record", customer)
        yield ("sold to", customer)
        for entity in ("accounts", "contacts"):
            master = self.sales[entity].get(customer, {})
            yield from self.of_owner(master)
            parent = self.sales["accounts"].get(same_id(master.get("_parentcustomerid_value")), {})
            yield from self.of_owner(parent)
        yield ("currency", same_id(row.get("_transactioncurrencyid_value")))
        yield ("finops currency", self.codes.get(same_id(row.get("_transactioncurrencyid_value"))))
        for line in lines:
            product = same_id(line.get("_productid_value"))
            yield ("product", product)
            yield ("product number", self.numbers.get(product))
            yield ("unit of measure", same_id(line.get("_uomid_value")))
            yield ("unit", coarse(self.units.get(same_id(line.get("_uomid_value")))))
            for one in self.finops["SellableReleasedProducts"].values():
                if coarse(one.get("ProductNumber")) == self.numbers.get(product):
                    yield from self.of_unit(one.get("SalesUnitSymbol"))


def effects(place: Place, key: str, row: Row) -> Iterator[Token]:
    """What depends on a row."""
    get, home, entity = row.get, company(row), place[1]
    own = same_id(key)
    if entity in ("accounts", "contacts"):
        number = get("accountnumber") if entity == "accounts" else get("employeeid")
        yield from (("record", own), ("parent", own))
        if trimmed(number):
            yield ("number", coarse(number))
        else:
            yield from (
                ("number", one) for one in assigned_numbers("ACC" if entity == "accounts" else "CON", key)
            )
    elif entity == "SellableReleasedProducts":
        yield ("product number", coarse(get("ProductNumber")))
    elif entity == "CDSReleasedDistinctProducts":
        yield ("item of", home, coarse(get("ProductNumber")))
    elif entity == "ReleasedProductsV2":
        yield ("item", home, coarse(get("ItemNumber")))
    elif entity == "UnitsOfMeasure":
        yield from (("unit", coarse(get("UnitSymbol"))), ("unit", coarse(get("UnitDescription"))))
    elif place == ("sales", "products"):
        yield from (("product", own), ("product number", coarse(get("productnumber"))))
    elif entity == "productpricelevels":
        yield ("prices of", same_id(get("_productid_value")))
    elif entity == "pricelevels":
        yield ("price list of", same_id(get("_transactioncurrencyid_value")))
    elif entity == "uoms":
        yield from (
            ("unit of measure", own),
            ("unit of group", same_id(get("_uomscheduleid_value")), coarse(get("name"))),
        )
    elif entity == "transactioncurrencies":
        yield from (("currency", own), ("currency code", code(get("isocurrencycode"))))
    elif entity == "businessunits":
        yield ("owner", key.lower())
    elif entity == "quotes":
        yield from (
            ("quote", own),
            ("quote number", coarse(get("quotenumber"))),
            ("sold to", same_id(get("_customerid_value"))),
        )
    elif entity == "quotedetails":
        yield ("quote", same_id(get("_quoteid_value")))
    elif entity in ("salesorders", "invoices"):
        yield ("sold to", same_id(get("_customerid_value")))
    elif entity == "CustomersV3":
        yield ("number", coarse(get("CustomerAccount")))
        yield ("name", coarse(get("OrganizationName")))
        yield ("name", coarse(get("PersonLastName")) + coarse(get("PersonFirstName")))
    elif entity == "CDSContactPersons":
        yield ("number", coarse(get("ContactPersonPartyNumber")))
        yield ("name", coarse(get("LastName")) + coarse(get("FirstName")))
    elif entity.startswith("CDSSalesQuotation"):
        yield ("quote number", coarse(get("SalesQuotationNumber")))


def existing(rows: Rows) -> set[Token]:
    """What is there or not: a second row of it changes nothing."""
    finops = {entity: found.values() for (system, entity), found in rows.items() if system == "finops"}
    found: set[Token] = {("finops currency", code(row.get("CurrencyCode"))) for row in finops["Currencies"]}
    found |= {
        ("company", "there", trimmed(row.get("LegalEntityId")).lower()) for row in finops["LegalEntities"]
    }
    for entity, (name, default) in DEFAULTS.items():
        for row in finops[entity]:
            if coarse(row.get(name)) == default:
                at = coarse(row.get("OperationalSiteId"))
                found.add(("company", entity + at, company(row)))
    return found


def touched(before: Rows, after: Rows, primary: dict[str, str]) -> set[Unit]:
    """The touched driving records; ``primary`` is the contact person of each party number."""
    tokens = {(token[0], token[-1]) for token in existing(before) ^ existing(after)}
    for place, found in before.items():
        for key in found.keys() | after[place].keys():
            old, new = found.get(key), after[place].get(key)
            if old is new:
                continue
            for row in (old, new):
                if row is not None:
                    tokens |= set(effects(place, key, row))
                    if place[1] == "ContactPersons":
                        pair = primary.get(text_of(row.get("ContactPersonPartyNumber")))
                        tokens.add(("contact person", pair))
    roles_before, roles_after = (roles(rows) for rows in (before, after))
    tokens |= {("role", name) for name in roles_before ^ roles_after}
    depending: dict[Unit, set[Token]] = {}
    for rows in (before, after):
        for unit, needed in Dependencies(rows).of_all().items():
            depending[unit] = depending.get(unit, set()) | needed
    return {unit for unit, needed in depending.items() if needed & tokens}


def roles(rows: Rows) -> set[str]:
    """Roles of Sales for which every company has or lacks the role."""
    codes = {"decisionmaker": "1", "influencer": "3"}
    have = {
        (company(row), coarse(row.get("RoleName"))) for row in rows["finops", "DecisionMakingRoles"].values()
    }
    return {codes[name] for home, name in have if home != "frrt" and name in codes}
