"""An independent comparison of sources, outbound and targets: what is wrong, doubled, left over or not explained.

Both systems are read through their Web APIs, outbound and the reasons of the last reports with SQL; neither the ledger nor
the clients of the product are asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

from prospect_to_cash.flow_card import FlowCard, Write
from tests.faults.lanes import Lane
from tests.world import World

Row = dict[str, Any]
BIND = "@odata.bind"


def same(ours: object, theirs: object) -> bool:
    """Whether two values are one: empty is null, numbers compare by value, a bound reference by its GUID."""
    if ours in (None, "") or theirs in (None, ""):
        return ours in (None, "", 0) and theirs in (None, "", 0)
    if isinstance(ours, str) or isinstance(theirs, str):
        return str(ours) == str(theirs)
    return Decimal(str(ours)) == Decimal(str(theirs))


class Witness:
    """What is to be compared, read once. ``lanes`` own the records whose source is looked at too."""

    def __init__(self, world: World, cards: Mapping[str, FlowCard], lanes: Iterable[Lane]) -> None:
        self.world = world
        self.cards = cards
        self.lanes = list(lanes)
        self.compared: Counter[str] = Counter()
        sales, finops = world.sales.rows, world.finops.rows
        self.accounts = {row["accountid"]: row for row in sales("accounts")}
        self.contacts = {row["contactid"]: row for row in sales("contacts")}
        self.quotes = sales("quotes")
        self.quote_lines = sales("quotedetails")
        self.sellable = {row["ProductNumber"]: row for row in finops("SellableReleasedProducts")}
        self.targets: dict[str, list[Row]] = {
            "products": sales("products"),
            "productpricelevels": sales("productpricelevels"),
            "CustomersV3": finops("CustomersV3"),
            "CDSContactPersons": finops("CDSContactPersons"),
            "CDSSalesQuotationHeaders": finops("CDSSalesQuotationHeaders"),
            "CDSSalesQuotationLines": finops("CDSSalesQuotationLines"),
        }

    def findings(self) -> list[str]:
        return [
            *self.different(),
            *self.doubled(),
            *self.left_over(),
            *self.unlike_their_source(),
            *self.unexplained(),
        ]

    # Outbound against the targets -------------------------------------------------------------------------------------

    @cached_property
    def outbound(self) -> dict[str, list[Row]]:
        """{write: its rows of outbound}"""
        names = ("source_key", "document", "target_key", "body", "operation", "locked")
        return {
            write.name: [
                dict(zip(names, row, strict=True))
                for row in self.world.sql(f"select {', '.join(names)} from outbound.{write.relation}")
            ]
            for card in self.cards.values()
            for write in card.writes
        }

    @cached_property
    def reasons(self) -> dict[str, dict[str, set[str]]]:
        """{flow: {document: why it was not sent, in the last run or by a rule}}"""
        found: dict[str, dict[str, set[str]]] = {}
        for flow in self.cards:
            rows = self.world.sql(
                f"""
                select source_key, broken_rule from validation.violations_{flow} where effect in ('block', 'exclude')
                union select document, coalesce(reason, state) from sync.plan
                where run_id = (select max(run_id) from sync.run where flow = %s) and state <> 'accepted'
                """,
                flow,
            )
            reasons = found.setdefault(flow, {})
            for document, reason in rows:
                reasons.setdefault(document, set()).add(reason)
        return found

    def deliverable(self, flow: str, write: Write) -> Iterator[Row]:
        for row in self.outbound[write.name]:
            is_open = row["document"] not in self.reasons[flow] and row["locked"] is None
            if is_open and row["operation"] in ("upsert", "deactivate"):
                yield row

    def different(self) -> Iterator[str]:
        """Rows of outbound that their target does not have exactly once, or with other values."""
        for flow, card in self.cards.items():
            for write in card.writes:
                if write.target_set not in self.targets:
                    continue
                for row in self.deliverable(flow, write):
                    self.compared[write.name] += 1
                    found = self._found(write, row)
                    what = f"{write.name} {row['source_key']}"
                    if len(found) != 1:
                        yield f"{what}: there {len(found)} times"
                        continue
                    wanted = self._values(row["body"])
                    yield from (
                        f"{what}: {name} is {found[0].get(name)!r}, not {value!r}"
                        for name, value in wanted.items()
                        if not same(value, found[0].get(name))
                    )

    def _found(self, write: Write, row: Row) -> list[Row]:
        key = {name: self._resolved(value) for name, value in row["target_key"].items()}
        if write.name == "contact_persons":
            _, _, account = row["source_key"].partition("/")
            key = {
                "FirstName": row["body"]["FirstName"],
                "AssociatedPartyNumber": self._party_of(account),
                "IsInactive": "No",
            }
        return [
            one
            for one in self.targets[write.target_set]
            if all(same(v, one[name]) for name, v in key.items())
        ]

    def _party_of(self, account: str) -> str | None:
        (lane,) = [lane for lane in self.lanes if account in lane.account_ids()] or [None]
        if lane is None:
            number = self.accounts[account]["accountnumber"]
            parties = [
                row["PartyNumber"] for row in self.targets["CustomersV3"] if row["CustomerAccount"] == number
            ]
        else:
            parties = [row["PartyNumber"] for row in self.customers_of(lane, lane.account_ids()[account])]
        return parties[0] if parties else None

    def customers_of(self, lane: Lane, n: int) -> list[Row]:
        """The customers under any number that an account of a lane ever had."""
        numbers = lane.numbers(n)
        return [row for row in self.targets["CustomersV3"] if row["CustomerAccount"] in numbers]

    def _values(self, body: Row) -> Row:
        """The properties of a body, by the names that a read has."""
        found: Row = {}
        for name, value in body.items():
            if name.startswith("block:"):
                found |= value
            elif name.startswith("guard:") or name.startswith("ref:"):
                continue
            elif name.endswith(BIND):
                guid = self._resolved(value).rpartition("(")[2].rstrip(")") if value else None
                found[f"_{name.removesuffix(BIND)}_value"] = guid
            else:
                found[name] = value
        return found

    def _resolved(self, value: Any) -> Any:
        """A text in which a reference to a product is replaced by the product's id in Sales."""
        if not isinstance(value, str) or "@{products:" not in value:
            return value
        before, _, rest = value.partition("@{products:")
        key, _, after = rest.rpartition("}")
        number = json.loads(key)[1]
        ids = [row["productid"] for row in self.targets["products"] if row["productnumber"] == number]
        return f"{before}{ids[0] if ids else None}{after}"

    # What should not be there -----------------------------------------------------------------------------------------

    def doubled(self) -> Iterator[str]:
        """Records of a target that are one record in their source."""
        for lane in self.lanes:
            for n in lane.accounts:
                if len(found := self.customers_of(lane, n)) > 1:
                    yield f"account {lane.name}-A{n} is {[row['CustomerAccount'] for row in found]}"
            for n in lane.contacts:
                persons = self.persons(lane, n)
                active = [row for row in persons if row["IsInactive"] == "No"]
                at = Counter(row["AssociatedPartyNumber"] for row in persons)
                if len(active) > 1 or max(at.values(), default=0) > 1:
                    yield f"contact {lane.name}-{n} is {len(active)} active persons, by customer {dict(at)}"
        numbers = Counter(row["productnumber"] for row in self.targets["products"])
        items = Counter(
            (row["_productid_value"], row["_pricelevelid_value"], row["_uomid_value"])
            for row in self.targets["productpricelevels"]
        )
        yield from (
            f"{key} is there {n} times" for counted in (numbers, items) for key, n in counted.items() if n > 1
        )

    def persons(self, lane: Lane, n: int) -> list[Row]:
        return [row for row in self.targets["CDSContactPersons"] if row["FirstName"] == f"{lane.name}-{n}"]

    def left_over(self) -> Iterator[str]:
        """Records of ours in a target that are gone in the source, or belong to nobody."""
        wanted = {row["document"] for row in self.outbound["contact_persons"] if row["operation"] == "upsert"}
        for lane in self.lanes:
            for n in lane.contacts:
                guid = lane.guid("contact", n)
                is_held = self._is_kept_back("contacts", guid)
                if (
                    guid not in wanted
                    and not is_held
                    and any(row["IsInactive"] == "No" for row in self.persons(lane, n))
                ):
                    yield f"contact {lane.name}-{n} is gone, and still active"
            for n, product in lane.products.items():
                number = lane.product_number(n)
                is_ended = product is None or product["IsSalesStopped"] == "Yes"
                for row in self.targets["products"]:
                    if row["productnumber"] == number and is_ended != (row["statecode"] == 1):
                        yield f"product {number} has state {row['statecode']}, and is_ended is {is_ended}"
        yield from self._nobodys()

    def _is_kept_back(self, flow: str, document: str) -> bool:
        """Whether a rule or another record keeps what was delivered of a record as it is."""
        ends = {"contact_inactive", "contact_deleted", "contact_without_account", "account_left_out"}
        return bool(self.reasons[flow].get(document, set()) - ends)

    def _nobodys(self) -> Iterator[str]:
        numbers = {row["accountnumber"] for row in self.accounts.values()}
        numbers |= {number for lane in self.lanes for n in lane.accounts for number in lane.numbers(n)}
        for row in self.targets["CustomersV3"]:
            is_ours = row["IsExternallyMaintained"] == "Yes" and row["PartyType"] == "Organization"
            if is_ours and row["CustomerAccount"] not in numbers:
                yield f"customer {row['CustomerAccount']} is nobody's"
        quotes = {row["quotenumber"] for row in self.quotes} | {
            n for lane in self.lanes for n in lane.quote_numbers
        }
        headers = {row["SalesQuotationNumber"] for row in self.targets["CDSSalesQuotationHeaders"]}
        ours = {
            number for number in headers if any(number.startswith(f"{lane.name}-") for lane in self.lanes)
        }
        yield from (f"quotation {number} is nobody's" for number in ours - quotes)
        (card,) = [card for card in self.cards.values() if card.name == "quotes"]
        (header, line) = card.writes
        sent = {row["target_key"]["SalesQuotationNumber"] for row in self.deliverable("quotes", header)}
        here = {_line(row["target_key"]) for row in self.deliverable("quotes", line)}
        for row in self.targets["CDSSalesQuotationLines"]:
            if row["SalesQuotationNumber"] in sent and _line(row) not in here:
                yield f"quotation {row['SalesQuotationNumber']} has line {row['LineCreationSequenceNumber']} too many"

    # Sources against the targets --------------------------------------------------------------------------------------

    def unlike_their_source(self) -> Iterator[str]:
        """Delivered records that have not the values that users see in the source, compared without outbound."""
        for lane in self.lanes:
            for n in lane.accounts:
                guid = lane.guid("account", n)
                if guid in self.accounts and guid not in self.reasons["accounts"]:
                    yield from self._unlike(f"account {lane.name}-A{n}", self.customers_of(lane, n), {
                        "OrganizationName": self.accounts[guid]["name"],
                        "PrimaryContactPhone": self.accounts[guid]["telephone1"],
                        "PrimaryContactFax": self.accounts[guid]["fax"],
                    })  # fmt: skip
            for n in lane.contacts:
                guid = lane.guid("contact", n)
                if guid in self.contacts and guid not in self.reasons["contacts"]:
                    persons = [row for row in self.persons(lane, n) if row["IsInactive"] == "No"]
                    yield from self._unlike(f"contact {lane.name}-{n}", persons, {
                        "LastName": self.contacts[guid]["lastname"],
                        "PrimaryEmailAddress": self.contacts[guid]["emailaddress1"],
                        "EmploymentProfession": self.contacts[guid]["jobtitle"],
                    })  # fmt: skip
            for n in lane.products:
                number = lane.product_number(n)
                if number in self.sellable and json.dumps(["usmf", number]) not in self.reasons["products"]:
                    products = [row for row in self.targets["products"] if row["productnumber"] == number]
                    values = {
                        "name": self.sellable[number]["ProductName"],
                        "description": self.sellable[number]["ProductDescription"],
                        "price": self.sellable[number]["SalesPrice"],
                        "statecode": 0,
                    }
                    is_stopped = self.sellable[number]["IsSalesStopped"] == "Yes"
                    wanted = {"statecode": 1} if is_stopped else values
                    yield from self._unlike(f"product {number}", products, wanted)
            for number in lane.quote_numbers:
                yield from self._unlike_quote(number)

    def _unlike(self, what: str, rows: list[Row], wanted: Row) -> Iterator[str]:
        self.compared["sources"] += 1
        if len(rows) != 1:
            yield f"{what} is there {len(rows)} times"
            return
        for name, value in wanted.items():
            if not same(value, rows[0][name]):
                yield f"{what}: {name} is {rows[0][name]!r}, and {value!r} in the source"

    def _unlike_quote(self, number: str) -> Iterator[str]:
        revisions = [
            row for row in self.quotes if row["quotenumber"] == number and row["statecode"] in (1, 2)
        ]
        if not revisions or number.lower() in self.reasons["quotes"]:
            return
        newest = max(revisions, key=lambda row: row["revisionnumber"])
        headers = [
            row for row in self.targets["CDSSalesQuotationHeaders"] if row["SalesQuotationNumber"] == number
        ]
        wanted = {"SalesQuotationName": newest["name"], "Email": newest["emailaddress"]}
        yield from self._unlike(f"quote {number}", headers, wanted)
        products = {row["productid"]: row["productnumber"] for row in self.targets["products"]}
        lines = Counter(
            (products[row["_productid_value"]], row["quantity"], row["priceperunit"])
            for row in self.quote_lines
            if row["_quoteid_value"] == newest["quoteid"]
        )
        theirs = Counter(
            (row["ProductNumber"], row["RequestedSalesQuantity"], row["SalesPrice"])
            for row in self.targets["CDSSalesQuotationLines"]
            if row["SalesQuotationNumber"] == number
        )
        if lines != theirs:
            yield f"quote {number} has lines {theirs}, and {lines} in the source"

    # Reports ----------------------------------------------------------------------------------------------------------

    def unexplained(self) -> Iterator[str]:
        """Reasons of the last reports that are not true of the record."""
        for lane in self.lanes:
            for n in lane.accounts:
                guid = lane.guid("account", n)
                yield from self._judge(
                    "accounts", guid, self._true_of_account(lane, n, self.accounts.get(guid))
                )
            for n in lane.contacts:
                guid = lane.guid("contact", n)
                yield from self._judge("contacts", guid, self._true_of_contact(lane, self.contacts.get(guid)))
            for n in lane.products:
                number = lane.product_number(n)
                row = self.sellable.get(number)
                true = {
                    "product_gone"
                    if row is None
                    else "product_stopped"
                    if row["IsSalesStopped"] == "Yes"
                    else ""
                }
                yield from self._judge("products", json.dumps(["usmf", number]), true)
            for number in lane.quote_numbers:
                yield from self._judge("quotes", number.lower(), self._true_of_quote(lane, number))

    def _judge(self, flow: str, document: str, true: set[str]) -> Iterator[str]:
        for reason in self.reasons[flow].get(document, set()) - true:
            yield f"{flow} {document}: {reason}, which is not so: {sorted(true)}"

    def _true_of_account(self, lane: Lane, n: int, row: Row | None) -> set[str]:
        if row is None:
            return {"account_deleted"}
        delivered = {customer["CustomerAccount"] for customer in self.customers_of(lane, n)}
        true = {"account_inactive"} if row["statecode"] == 1 else set()
        return true | ({"key_changed"} if delivered and row["accountnumber"] not in delivered else set())

    def _true_of_contact(self, lane: Lane, row: Row | None) -> set[str]:
        if row is None:
            return {"contact_deleted"}
        true = {"contact_inactive"} if row["statecode"] == 1 else set()
        parent = row["_parentcustomerid_value"]
        if parent is None:
            return true | {"contact_without_account"}
        account = self.accounts.get(parent)
        if account is None or account["statecode"] == 1:
            true.add("account_left_out")
        if self._party_of(parent) is None:
            true.add(f"accounts:{parent}")
        return true

    def _true_of_quote(self, lane: Lane, number: str) -> set[str]:
        revisions = [row for row in self.quotes if row["quotenumber"] == number]
        if not revisions:
            return {"quote_deleted"}
        newest = max(revisions, key=lambda row: row["revisionnumber"])
        state, status = newest["statecode"], newest["statuscode"]
        true = {(0, 1): {"quote_draft", "quote_being_revised"}, (3, 5): {"quote_lost"}, (3, 6): {"quote_canceled"},
                (3, 7): {"quote_being_revised"}}.get((state, status), set())  # fmt: skip
        customer = newest["_customerid_value"]
        if self._party_of(customer) is None:
            true |= {f"accounts:{customer}", f"quotes:{number.lower()}"}
        sold = {row["productid"] for row in self.targets["products"] if row["productnumber"] in self.sellable}
        lines = [row for row in self.quote_lines if row["_quoteid_value"] == newest["quoteid"]]
        if any(row["_productid_value"] not in sold for row in lines):
            true |= {"quote_line_product_foreign"}
        return true


def _line(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["SalesQuotationNumber"], row["LineCreationSequenceNumber"]
