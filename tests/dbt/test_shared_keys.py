"""Records whose keys may be one key for the target: all are held by name, but the first that was delivered."""

import itertools
import json

import pytest

from tests.database.key_pairs import ONE_KEY, TWO_KEYS
from tests.dbt.warehouse import ENVIRONMENTS, guid

NUMBER_COLUMN = {"contact_number_column": "new_number"}
FLOWS = ("accounts", "contacts", "products", "quotes")
RULES = {
    "accounts": "account_number_shared",
    "contacts": "contact_number_shared",
    "products": "product_number_shared",
    "quotes": "quote_number_shared",
}
ENTITIES = {
    "accounts": ("finops", "CustomersV3", "CustomerAccount"),
    "contacts": ("finops", "CustomersV3", "CustomerAccount"),
    "products": ("sales", "products", "productnumber"),
    "quotes": ("finops", "CDSSalesQuotationHeaders", "SalesQuotationNumber"),
}


class Records:
    """Lands a record with a number for any flow, and finds it again."""

    def __init__(self, warehouse) -> None:
        self.warehouse = warehouse
        self.count = 0
        warehouse.run("truncate sync.identity")

    def land(self, flow: str, number: str, **fields: object) -> str:
        """The key of the record: its GUID, for a product its key in F&O."""
        self.count += 1
        n = self.count
        if flow == "accounts":
            return self.warehouse.account(n, accountnumber=number, **fields)
        if flow == "contacts":
            key = self.warehouse.contact(n, new_number=number, **fields)
            self.warehouse.sells_to(key)
            return key
        if flow == "quotes":
            self.warehouse.quote(n, quotenumber=number, **fields)
            return guid("quote", n)
        return self.warehouse.product(number, **fields)

    def deliver(self, flow: str, key: str, number: str, shares_key: bool = False) -> None:
        system, entity, name = ENTITIES[flow]
        self.warehouse.run(
            """
            insert into sync.identity (env_id, entity, source_key, company, target_key, shares_key, answer, pinned_run)
            values (%s, %s, %s, %s, %s, %s, '{}', 1)
            """,
            ENVIRONMENTS[system],
            entity,
            self.source_key(flow, key, number),
            "usmf" if system == "finops" else "",
            json.dumps({name: number}),
            shares_key,
        )

    def source_key(self, flow: str, key: str, number: str) -> str:
        return number.lower() if flow == "quotes" else key

    def trade(self) -> None:
        """A customer and a product, so that nothing else holds a quote."""
        self.warehouse.account(1)
        self.warehouse.product("P-1")

    def build(self, *flows: str, **variables: object) -> None:
        for flow in flows:
            self.warehouse.build(flow, max_blocked_share=1.0, **NUMBER_COLUMN, **variables)

    def shared(self, flow: str, key: str) -> tuple[str, str] | None:
        """(record, value) of the violation of the rule about shared numbers."""
        name = "quote_id" if flow == "quotes" else "source_key"
        rows = self.warehouse.rows(
            f"""
            select broken.record, broken.value, broken.effect
            from canonical.canonical_{flow} as records
            left join validation.violations_{flow} as broken
                on broken.source_key = records.source_key and broken.broken_rule = '{RULES[flow]}'
            where records.{name} = %s
            """,
            key,
        )
        assert len(rows) == 1, "every record has a row of its own"
        assert rows[0]["effect"] in ("block", None)
        return (rows[0]["record"], rows[0]["value"]) if rows[0]["effect"] else None

    def sent(self, flow: str, key: str) -> bool:
        relation = {
            "accounts": "finops__accounts",
            "contacts": "finops__contact_customers",
            "products": "sales__products",
            "quotes": "finops__quotes",
        }[flow]
        name = "source_key"
        if flow == "quotes":
            key = self.warehouse.one(
                "select source_key from canonical.canonical_quotes where quote_id = %s", key
            )
        return bool(self.warehouse.rows(f"select 1 from outbound.outbound_{relation} where {name} = %s", key))


def _prefixed(prefix: str, number: str) -> str:
    """The number with a prefix behind the blanks at its start."""
    blanks = len(number) - len(_cleaned(number, at_end=False))
    return number[:blanks] + prefix + number[blanks:]


def _cleaned(number: str, at_end: bool = True) -> str:
    unseen = " \t\u00a0\u2060\ufeff\u200b"
    return number.strip(unseen) if at_end else number.lstrip(unseen)


@pytest.fixture(scope="module")
def pairs(warehouse):
    """{(flow, one, other): (records, keys)}: every pair of the two tables in every flow, in one build per flow."""
    records, found = Records(warehouse), {}
    warehouse.sales_product(1, "P-1")
    for flow in FLOWS:
        for n, (one, other) in enumerate(ONE_KEY + TWO_KEYS):
            # a prefix per flow and pair, so that pairs do not meet one another
            prefix = f"{flow[0]}{n:02}."
            found[flow, one, other] = [
                (records.land(flow, number), number)
                for number in (_prefixed(prefix, one), _prefixed(prefix, other))
            ]
    records.build(*FLOWS)
    return records, found


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(("one", "other"), ONE_KEY)
def test_records_that_may_have_one_key_for_the_target_are_all_held_by_name(pairs, flow, one, other):
    records, found = pairs
    (first, number), (second, other_number) = found[flow, one, other]

    for key, own in ((first, number), (second, other_number)):
        record, value = records.shared(flow, key)
        assert record == _cleaned(own)
        assert not records.sent(flow, key)
        for spelling in (number, other_number):
            assert _cleaned(spelling) in value


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(("one", "other"), TWO_KEYS)
def test_records_with_two_keys_for_the_target_are_not_held(pairs, flow, one, other):
    records, found = pairs
    for key, _ in found[flow, one, other]:
        assert records.shared(flow, key) is None


def test_the_sentence_names_both_spellings(pairs):
    records, found = pairs
    (key, number), (_, other) = found["accounts", "STRASSE-1", "straße-1"]

    assert records.shared("accounts", key) == (number, f"{number} (also {other})")


@pytest.fixture
def records(fresh_warehouse):
    fresh_warehouse.sales_product(1, "P-1")
    return Records(fresh_warehouse)


@pytest.mark.rule("products", "product_number_shared")
def test_the_first_that_was_delivered_keeps_its_record_and_is_not_held(records):
    """Not the first that was made, nor the first by spelling; also where the other one was delivered, later."""
    keys = {}
    for flow in FLOWS:
        for case in ("one", "both"):
            number = f"{flow[0]}-{case}-STRASSE"
            keys[flow, case] = [records.land(flow, number), records.land(flow, number.replace("SS", "ß"))]
            records.deliver(flow, keys[flow, case][1], number.replace("SS", "ß"))
            if case == "both":
                records.deliver(flow, keys[flow, case][0], number, shares_key=True)

    records.build(*FLOWS)

    for (flow, case), (later, first) in keys.items():
        assert records.shared(flow, later) is not None, (flow, case)
        assert records.shared(flow, first) is None, (flow, case)


def test_of_quotes_whose_numbers_differ_in_case_the_delivered_one_is_the_document(records):
    records.trade()
    first, second, third = (records.land("quotes", number) for number in ("QUO-7", "quo-7", "Quo-7"))
    records.deliver("quotes", second, "quo-7")

    records.build("quotes")

    assert records.shared("quotes", second) is None
    document = records.warehouse.envelope("finops__quotes", "quo-7")
    assert document["target_key"]["SalesQuotationNumber"] == "quo-7"
    assert {records.shared("quotes", key)[0] for key in (first, third)} == {"QUO-7", "Quo-7"}


def test_a_deleted_quote_never_removes_the_quotation_of_another_spelling(records):
    first = records.land("quotes", "STRASSE-7")
    deleted = records.land("quotes", "straße-7")
    records.warehouse.vanish("sales", "quotes", deleted)
    quotation = {"dataAreaId": "usmf", "SalesQuotationNumber": "STRASSE-7", "SalesQuotationStatus": "Created"}
    records.warehouse.land("finops", "CDSSalesQuotationHeaders", quotation)
    records.warehouse.account(1)

    records.build("quotes", quote_close="delete")

    operations = records.warehouse.rows(
        "select quote_id, operation from canonical.canonical_quotes where quote_id in %s", (first, deleted)
    )
    assert {row["quote_id"]: row["operation"] for row in operations} == {first: "upsert", deleted: None}


def test_an_account_is_held_by_a_contact_that_was_delivered_under_its_number(records):
    account = records.land("accounts", "STRASSE-1")
    records.deliver("contacts", guid("contact", 9), "straße-1")

    records.build("accounts")

    assert records.shared("accounts", account) is not None


@pytest.mark.parametrize("flow", ["accounts", "contacts"])
def test_an_inactive_twin_that_was_never_delivered_holds_nothing(records, flow):
    twins = {
        number: (records.land(flow, number), records.land(flow, number.replace("SS", "ß"), statecode=1))
        for number in ("STRASSE-1", "STRASSE-2")
    }
    for number, ours in (("STRASSE-1", "Yes"), ("STRASSE-2", "No")):
        party = {"accounts": "Organization", "contacts": "Person"}[flow]
        row = {"dataAreaId": "usmf", "CustomerAccount": number, "OnHoldStatus": "No", "PartyType": party}
        records.warehouse.land("finops", "CustomersV3", row | {"IsExternallyMaintained": ours})

    records.build(flow, account_deactivation="on_hold", contact_customer_deactivation="on_hold")

    for active, inactive in twins.values():
        assert records.shared(flow, active) is None
        assert records.sent(flow, active)
        # with on_hold it would pin the active record's key and stop its customer
        assert not records.sent(flow, inactive)


@pytest.mark.parametrize("flow", ["accounts", "contacts"])
def test_an_inactive_record_that_was_delivered_keeps_its_number_and_stops_its_customer(records, flow):
    inactive = records.land(flow, "straße-1", statecode=1)
    active = records.land(flow, "STRASSE-1")
    records.deliver(flow, inactive, "straße-1")
    party = {"accounts": "Organization", "contacts": "Person"}[flow]
    row = {"dataAreaId": "usmf", "CustomerAccount": "straße-1", "OnHoldStatus": "No", "PartyType": party}
    records.warehouse.land("finops", "CustomersV3", row | {"IsExternallyMaintained": "Yes"})

    records.build(flow, account_deactivation="on_hold", contact_customer_deactivation="on_hold")

    assert records.sent(flow, inactive)
    assert records.shared(flow, active) is not None


@pytest.mark.parametrize(
    "spellings",
    [("P-7", "p-7"), ("STRASSE-7", "straße-7"), ("P-7", "p-7", "P-7"), ("P-7", "p-7", "\uff30-7")],
)
def test_a_product_number_that_changes_its_spelling_stays_one_product(records, spellings):
    """Deleted and entered anew in F&O, in another spelling: the same product of Sales, renamed; its quotes go on."""
    warehouse = records.warehouse
    key = records.land("products", spellings[0])
    records.deliver("products", key, spellings[0])
    sales_product = warehouse.sales_product(7, spellings[0])
    warehouse.sales_product(1, "P-1")
    warehouse.account(1)
    for old, new in itertools.pairwise(spellings):
        warehouse.vanish(
            "finops", "SellableReleasedProducts", json.dumps(["usmf", old], ensure_ascii=False), 5
        )
        warehouse.product(new)
    quote = warehouse.quote(1, lines=0, totallineitemamount=21)
    warehouse.quote_line(1, 1, _productid_value=sales_product)

    records.build("products", "quotes")

    rows = warehouse.rows("select source_key, product_number, operation from canonical.canonical_products")
    assert rows == [{"source_key": key, "product_number": spellings[-1], "operation": "upsert"}]
    envelope = warehouse.envelope("sales__products", key)
    assert envelope["target_key"] == {"productnumber": spellings[0]}
    assert envelope["body"]["productnumber"] == spellings[-1]
    assert warehouse.violations("products", key) == {}
    assert f"products:{key}" in warehouse.envelope("finops__quotes", quote)["requires"]


def test_a_product_that_is_gone_in_all_its_spellings_is_retired_once(records):
    warehouse = records.warehouse
    for number in ("P-7", "p-7"):
        records.land("products", number)
        warehouse.vanish("finops", "SellableReleasedProducts", json.dumps(["usmf", number]), 5)
    warehouse.sales_product(7, "P-7")
    records.land("products", "P-8")

    records.build("products")

    assert len(warehouse.rows("select 1 from canonical.canonical_products where operation = 'retire'")) == 1


BLANKS = ["\u00a0\u00a0", "\u200b", "\u3000", "\u2060\u00ad", " \u202f\t", "\ufeff", "\u3164"]


@pytest.mark.rule("accounts", "account_name_blank")
@pytest.mark.rule("contacts", "contact_name_blank")
@pytest.mark.rule("products", "product_name_blank")
def test_a_name_of_nothing_that_can_be_seen_counts_as_blank(records):
    keys = {
        blank: (
            records.land("accounts", f"A-{n}", name=blank),
            records.land("contacts", f"C-{n}", firstname=blank, lastname=blank),
            records.land("products", f"N-{n}", ProductName=blank),
        )
        for n, blank in enumerate(BLANKS)
    }

    records.build("accounts", "contacts", "products")

    for blank, (account, contact, product) in keys.items():
        assert "account_name_blank" in records.warehouse.violations("accounts", account), repr(blank)
        assert "contact_name_blank" in records.warehouse.violations("contacts", contact), repr(blank)
        assert "product_name_blank" in records.warehouse.violations("products", product), repr(blank)


SMILE = "\U0001f600"
LENGTHS = {"fits": (50, 12), "one unit too long": (51, 13)}


def test_lengths_count_as_the_systems_count_them_in_utf_16_units(records):
    keys = {
        case: (
            records.land("accounts", f"A-{name}", name=SMILE * name, address1_city=SMILE * (name - 20)),
            records.land("contacts", f"C-{name}", lastname=SMILE * person),
            records.land("products", f"N-{name}", ProductName=SMILE * name),
            records.land("quotes", f"Q-{name}", name=SMILE * name, shipto_city=SMILE * (name - 20)),
        )
        for case, (name, person) in LENGTHS.items()
    }
    records.trade()
    records.land("quotes", "Q-mixed", name="x" + SMILE * 60)

    records.build(*FLOWS)

    rules = {
        case: [
            set(records.warehouse.violations(flow, f"q-{LENGTHS[case][0]}" if flow == "quotes" else key))
            & {"account_name_too_long", "value_too_long", "product_name_too_long", "quote_name_cut"}
            for flow, key in zip(FLOWS, keys[case], strict=True)
        ]
        for case in LENGTHS
    }
    assert rules["fits"] == [set(), set(), set(), set()]
    assert rules["one unit too long"] == [
        {"account_name_too_long", "value_too_long"},
        {"value_too_long"},
        {"product_name_too_long"},
        {"quote_name_cut", "value_too_long"},
    ]
    assert (
        records.warehouse.one(
            "select value from validation.violations_accounts where source_key = %s and broken_rule = 'account_name_too_long'",
            keys["one unit too long"][0],
        )
        == "102"
    )
    body = records.warehouse.envelope("finops__quotes", "q-mixed")["body"]
    assert body["SalesQuotationName"] == "x" + SMILE * 49
