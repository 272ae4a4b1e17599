"""Fields of an organisation's own, from one system to the other by var own_fields."""

import pytest

ACCOUNTS = [
    {
        "source": "new_region",
        "target": "CustClassificationId",
        "values": {"1": "A", "2": "O'B", "3": None, "West": "W", "": "N"},
    },
    {"source": "new_limit", "target": "NewLimit", "kind": "number"},
    {"source": "new_vip", "target": "NewVip", "kind": "boolean"},
    {"source": "new_class", "target": "NewIsLarge", "kind": "boolean", "values": {"9": True, "1": False}},
    {"source": "_new_partnerid_value", "target": "NewPartner"},
    {"source": "description", "target": "NewNote", "kind": "text"},
]


def build(warehouse, *fields, flow="accounts", entity="accounts", **options):
    return warehouse.build(flow, own_fields={entity: list(fields)}, **options)


def body(warehouse, key):
    return warehouse.envelope("finops__accounts", key)["body"]


def test_texts_numbers_truths_and_codes_are_sent_as_the_target_takes_them(fresh_warehouse):
    key = fresh_warehouse.account(
        1,
        new_region=2,
        new_limit=12.50,
        new_vip=True,
        new_class="9",
        _new_partnerid_value=" p-1 ",
        description="Hi",
    )
    other = fresh_warehouse.account(2, new_region="west", new_vip=False, new_class=1)
    blank = fresh_warehouse.account(3, new_region=" ")
    empty = fresh_warehouse.account(4, new_region=3)

    build(fresh_warehouse, *ACCOUNTS)

    sent = body(fresh_warehouse, key)
    assert sent["CustClassificationId"] == "O'B"
    assert (sent["NewLimit"], sent["NewVip"], sent["NewIsLarge"]) == (12.5, "Yes", "Yes")
    assert (sent["NewPartner"], sent["NewNote"], sent["SalesMemo"]) == ("p-1", "Hi", "Hi")
    sent = body(fresh_warehouse, other)
    assert sent["CustClassificationId"] == "W"
    assert (sent["NewVip"], sent["NewIsLarge"]) == ("No", "No")
    assert [sent.get(name, 0) for name in sorted({"NewLimit", "NewPartner", "NewNote"})] == [None] * 3
    assert body(fresh_warehouse, blank)["CustClassificationId"] == "N"
    assert body(fresh_warehouse, empty)["CustClassificationId"] is None
    assert sent["OrganizationName"] == "Account 2"


@pytest.mark.rule("accounts", "own_field_unmapped")
def test_a_value_that_is_not_mapped_or_not_readable_holds_its_record_by_name(fresh_warehouse):
    key = fresh_warehouse.account(1, new_region=7, new_limit="many", new_vip="perhaps", new_class=2)
    good = fresh_warehouse.account(2)

    build(fresh_warehouse, *ACCOUNTS)

    found = fresh_warehouse.rows(
        "select broken_rule, effect, field, value from validation.violations_accounts order by field"
    )
    assert [tuple(row.values()) for row in found] == [
        ("own_field_unmapped", "block", "new_class", "2"),
        ("own_field_unmapped", "block", "new_limit", "many"),
        ("own_field_unmapped", "block", "new_region", "7"),
        ("own_field_unmapped", "block", "new_vip", "perhaps"),
    ]
    assert fresh_warehouse.envelope("finops__accounts", key) is None
    assert fresh_warehouse.envelope("finops__accounts", good) is not None


def test_without_own_fields_nothing_is_added(fresh_warehouse):
    key = fresh_warehouse.account(1, new_region=7)

    fresh_warehouse.build("accounts")

    assert "CustClassificationId" not in body(fresh_warehouse, key)
    assert fresh_warehouse.violations("accounts", key) == {}


@pytest.mark.rule("products", "own_field_unmapped")
def test_products_carry_own_fields_into_sales(fresh_warehouse):
    fields = [
        {"source": "ABCRanked", "target": "new_ranked", "kind": "boolean"},
        {"source": "ABCClass", "target": "new_class", "kind": "number", "values": {"A": 1, "B": 2}},
        {"source": "ABCMaker", "target": "new_MakerId@odata.bind", "values": {"1": "/new_makers(1)"}},
    ]
    good = fresh_warehouse.product("P-1", ABCRanked="Yes", ABCClass="b", ABCMaker="1")
    bad = fresh_warehouse.product("P-2", ABCClass="Z")
    elsewhere = fresh_warehouse.product("P-2", "demf", ABCClass="Z")

    build(fresh_warehouse, *fields, flow="products", entity="SellableReleasedProducts")

    sent = fresh_warehouse.envelope("sales__products", good)["body"]
    assert (sent["new_ranked"], sent["new_class"]) == (True, 2)
    assert sent["new_MakerId@odata.bind"] == "/new_makers(1)"
    assert fresh_warehouse.violations("products", bad) == {"own_field_unmapped": "block"}
    assert "own_field_unmapped" not in fresh_warehouse.violations("products", elsewhere)


@pytest.mark.rule("quotes", "own_field_unmapped")
def test_quotes_and_their_lines_carry_own_fields_and_one_unmapped_value_holds_the_whole_quote(
    fresh_warehouse,
):
    fresh_warehouse.account(1)
    fresh_warehouse.product("P-1")
    fresh_warehouse.sales_product(1, "P-1")
    keys = [fresh_warehouse.quote(n, 0, totallineitemamount=21, new_channel=n) for n in (1, 2, 3)]
    for n, size in ((1, "L"), (2, "L"), (3, "XXL")):
        fresh_warehouse.quote_line(n, 1, new_size=size)
    own = {
        "quotes": [{"source": "new_channel", "target": "NewChannel", "values": {"1": "Web", "3": "Shop"}}],
        "quotedetails": [{"source": "new_size", "target": "NewSize", "values": {"L": "Large"}}],
    }

    fresh_warehouse.build("quotes", own_fields=own)

    header = fresh_warehouse.envelope("finops__quotes", keys[0])["body"]
    (line,) = fresh_warehouse.rows(
        "select body from outbound.outbound_finops__quote_lines where document = %s", keys[0]
    )
    assert (header["NewChannel"], line["body"]["NewSize"]) == ("Web", "Large")
    for key, field, value in ((keys[1], "new_channel", "2"), (keys[2], "line 1 new_size", "XXL")):
        (violation,) = fresh_warehouse.rows(
            "select broken_rule, field, value from validation.violations_quotes where source_key = %s", key
        )
        assert tuple(violation.values()) == ("own_field_unmapped", field, value)
        assert fresh_warehouse.envelope("finops__quotes", key) is None
