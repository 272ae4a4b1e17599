"""Diff-write: equal rows are not touched, vanished ones go, a narrowed build ends where a full one does."""

import random

import pytest

from tests.dbt.warehouse import CHF, SEK, guid

FLOWS = ("accounts", "contacts", "products", "quotes")
RELATIONS = (
    "staging.stg_sales__accounts",
    "staging.stg_finops__customers_v3",
    "canonical.canonical_account_numbers",
    "canonical.canonical_account_addresses",
    "canonical.canonical_accounts",
    "validation.violations_accounts",
    "outbound.outbound_sales__account_numbers",
    "outbound.outbound_finops__accounts",
)


def writers(warehouse) -> dict[str, dict[str, str]]:
    """{relation: {row: the transaction that wrote it}}."""
    return {
        relation: {
            row["content"]: row["writer"]
            for row in warehouse.rows(
                f"select t::text as content, t.xmin::text as writer from {relation} as t"
            )
        }
        for relation in RELATIONS
    }


def contents(warehouse) -> dict[str, list[str]]:
    return {relation: sorted(rows) for relation, rows in writers(warehouse).items()}


@pytest.fixture(autouse=True)
def every_model(session_warehouse, monkeypatch):
    """Builds leave out nothing but what the test leaves out."""
    monkeypatch.setattr(session_warehouse, "skips_unchanged", False)


@pytest.fixture
def built(fresh_warehouse):
    for n in range(20):
        fresh_warehouse.account(n)
    fresh_warehouse.account(20, accountnumber=None)
    fresh_warehouse.account(21, name=None)
    fresh_warehouse.build("accounts")
    return fresh_warehouse


def test_a_build_of_the_same_records_touches_no_row(built):
    before = writers(built)

    built.build("accounts")

    assert len(before["outbound.outbound_finops__accounts"]) == 21
    assert writers(built) == before


def test_one_changed_record_touches_one_row_of_each_relation(built):
    before = writers(built)
    cut = built.cut()
    built.account(3, telephone1="+1 206 555 0100")

    built.build("accounts", scope="changed", cut_from=cut)

    after = writers(built)
    for relation in (
        "staging.stg_sales__accounts",
        "canonical.canonical_accounts",
        "outbound.outbound_finops__accounts",
    ):
        assert len(after[relation].items() - before[relation].items()) == 1
        assert len(after[relation]) == len(before[relation])
    assert after["validation.violations_accounts"] == before["validation.violations_accounts"]


def test_a_violation_goes_when_its_record_is_mended_and_the_envelope_comes(built):
    cut = built.cut()
    key = built.account(21)

    built.build("accounts", scope="changed", cut_from=cut)

    assert built.violations("accounts", key) == {}
    assert built.envelope("finops__accounts", key)


def test_an_envelope_goes_when_its_record_breaks_a_rule(built):
    cut = built.cut()
    key = built.account(5, name=None)

    built.build("accounts", scope="changed", cut_from=cut)

    assert built.envelope("finops__accounts", key) is None


def test_a_narrowed_build_takes_in_only_what_landed_since_the_cut(built):
    built.account(5, name="Not yet")
    cut = built.cut()
    built.account(6, name="New")

    built.build("accounts", scope="changed", cut_from=cut)

    names = {
        n: built.one(
            "select account_name from canonical.canonical_accounts where source_key = %s", guid("account", n)
        )
        for n in (5, 6)
    }
    assert names == {5: "Account 5", 6: "New"}


def test_records_of_another_environment_leave_with_it(built):
    built.build("accounts", sales_env_id="org-2")

    assert built.one("select count(*) from staging.stg_sales__accounts") == 0
    assert built.one("select count(*) from outbound.outbound_finops__accounts") == 0


def test_a_contract_that_changed_is_built_anew_by_itself(built):
    built.run(
        """
        alter table canonical.canonical_accounts drop column memo;
        alter table canonical.canonical_accounts add column left_over text;
        alter table outbound.outbound_finops__accounts alter column ordinal type bigint;
        alter table staging.stg_sales__accounts drop column memo;
        """
    )
    built.account(3, description="Met at a fair")

    built.build("accounts")

    columns = built.rows(
        """
        select column_name, data_type from information_schema.columns
        where table_schema in ('canonical', 'outbound') and column_name in ('memo', 'left_over', 'ordinal')
            and table_name in ('canonical_accounts', 'outbound_finops__accounts')
        """
    )
    assert {(row["column_name"], row["data_type"]) for row in columns} == {
        ("memo", "text"),
        ("ordinal", "integer"),
    }
    assert built.envelope("finops__accounts", guid("account", 3))["body"]["SalesMemo"] == "Met at a fair"


@pytest.mark.slow
def test_no_relation_is_built_anew_when_its_contract_has_not_changed(fresh_warehouse):
    """By the relation's id, which a build anew changes; of all flows, so in every type that a contract has."""
    relations = """
        select oid::regclass::text as name, oid from pg_class
        where relkind = 'r' and relnamespace::regnamespace::text in ('canonical', 'validation', 'outbound')
    """
    for flow in FLOWS:
        fresh_warehouse.build(flow)
    before = fresh_warehouse.rows(relations)

    for flow in FLOWS:
        fresh_warehouse.build(flow)

    assert len(before) > 20
    assert sorted(map(str, fresh_warehouse.rows(relations))) == sorted(map(str, before))


def test_after_random_changes_a_narrowed_build_ends_where_a_full_one_does(built):
    random.seed(7)
    for _ in range(4):
        cut = built.cut()
        for _ in range(random.randint(1, 8)):
            change(built, random.randrange(30))
        built.build("accounts", scope="changed", cut_from=cut)
    narrowed = contents(built)

    built.build("accounts", "--full-refresh")

    assert contents(built) == narrowed
    assert len(narrowed["outbound.outbound_finops__accounts"]) > 10


def change(warehouse, n: int) -> None:
    what = random.choice(
        ("rename", "move", "break", "number", "delete", "currency", "customer", "quarantine", "reference")
    )
    if what == "rename":
        warehouse.account(n, name=f"Renamed {random.random()}")
    elif what == "move":
        warehouse.account(n, address1_city=f"Town {random.random()}", address2_city="Reno")
    elif what == "break":
        warehouse.account(n, address1_country="Ruritania", creditlimit="12x")
    elif what == "number":
        warehouse.account(n, accountnumber=random.choice((None, "A-0001", "a-0002")))
    elif what == "delete":
        warehouse.vanish("sales", "accounts", guid("account", n))
    elif what == "currency":
        warehouse.account(n, _transactioncurrencyid_value=random.choice((CHF, SEK, None)))
    elif what == "customer":
        customer = {"dataAreaId": "usmf", "CustomerAccount": f"a-{n:04}", "IsExternallyMaintained": "Yes"}
        warehouse.land("finops", "CustomersV3", customer)
    elif what == "quarantine":
        warehouse.account(n)
        warehouse.run("delete from raw.quarantine where key = %s", guid("account", n))
        warehouse.quarantine("sales", "accounts", guid("account", n), "name")
    else:
        warehouse.land("finops", "Currencies", {"CurrencyCode": random.choice(("SEK", "NOK"))})


def test_a_body_that_did_not_change_is_not_computed_again_and_stands(built):
    """Told by a mark in the standing body that no build would make."""
    cut = built.cut()
    mark = """update outbound.outbound_finops__accounts set body = body || '{"Mark": 1}' where source_key = any(%s)"""
    built.run(mark, [guid("account", 3), guid("account", 4)])
    built.account(3, telephone1="+1 206 555 0100")

    built.build("accounts", scope="changed", cut_from=cut)

    assert "Mark" not in built.envelope("finops__accounts", guid("account", 3))["body"]
    assert "Mark" in built.envelope("finops__accounts", guid("account", 4))["body"]


def test_a_body_is_computed_again_if_only_its_address_changed(built):
    cut = built.cut()
    built.account(3, address1_city="Sparks")

    built.build("accounts", scope="changed", cut_from=cut)

    assert (
        built.envelope("finops__accounts", guid("account", 3))["body"]["block:address"]["AddressCity"]
        == "Sparks"
    )


def test_a_row_whose_requirement_changed_keeps_its_body(built):
    cut = built.cut()
    before = built.envelope("finops__accounts", guid("account", 4))
    built.run(
        "update outbound.outbound_finops__accounts set requires = '{other:x}' where source_key = %s",
        guid("account", 4),
    )
    built.account(3, telephone1="+1 206 555 0100")

    built.build("accounts", scope="changed", cut_from=cut)

    assert built.envelope("finops__accounts", guid("account", 4)) == before


def test_a_record_that_is_let_go_again_gets_its_body_although_it_did_not_change(built):
    built.run("update raw.finops_customer_groups set deleted_at = now(), landed_xid = pg_current_xact_id()")
    built.build("accounts", max_blocked_share=1.0)
    assert built.envelope("finops__accounts", guid("account", 4)) is None
    cut = built.cut()
    built.run("update raw.finops_customer_groups set deleted_at = null, landed_xid = pg_current_xact_id()")

    built.build("accounts", scope="changed", cut_from=cut)

    assert built.envelope("finops__accounts", guid("account", 4))["body"]["PartyType"] == "Organization"
