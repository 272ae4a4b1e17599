"""People and other programs change the target: what is found, what is put right, and what is left alone."""

from __future__ import annotations

import pytest

from tests.load.reconciling import counted, reconcile_write
from tests.load.workshop import KINDS
from tests.reconcile.conftest import fields_of, write_of


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_where_the_target_is_as_it_was_left(witness, kind):
    shop = witness.shop
    first, second = shop.add(kind), shop.add(kind, g="x@example.com")
    shop.run()

    assert witness.reconcile("repair") == {}
    shop.edit(first, f="B")
    assert witness.reconcile("repair") == {}, "what the next run sends is no finding"
    shop.edit(second, is_there=False)
    shop.run()
    assert witness.reconcile("repair") == {}
    assert shop.differences() == []


@pytest.mark.parametrize("value", ["edited by hand", "A edited", "", " "])
@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_of_a_field_of_ours_is_found_and_put_right(witness, kind, value):
    shop = witness.shop
    source, other = shop.add(kind, g="x@example.com"), shop.add(kind)
    shop.run()
    witness.edit(source, {fields_of(source)[1]: value})

    assert witness.reconcile("repair") == {"different": 1}
    assert [(k, f) for k, _, f in witness.open()] == [("different", fields_of(source)[1])]
    assert shop.run().get("updated") == 1
    assert shop.differences() == []
    assert witness.reconcile("repair") == {}
    assert witness.open() == []
    assert witness.planned() == 0
    assert other.g is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_edit_that_was_only_reported_is_put_right_like_the_first(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="x@example.com")
    shop.run()
    witness.edit(source, {fields_of(source)[1]: "first by hand"})
    assert witness.reconcile("repair") == {"different": 1}
    shop.run()

    witness.edit(source, {fields_of(source)[1]: "second by hand"})

    assert witness.reconcile("report") == {"different": 1}
    assert witness.reconcile("repair") == {"different": 1}
    assert shop.run().get("updated") == 1
    assert shop.differences() == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_people_enter_in_a_field_that_is_empty_and_was_never_sent_is_theirs(witness, kind):
    shop = witness.shop
    source = shop.add(kind)
    shop.run()
    first, second = fields_of(source)
    witness.edit(source, {second: "hand@example.com"})

    assert witness.reconcile("repair") == {}
    shop.edit(source, f="B")
    shop.run()
    (row,) = witness.values(source)
    assert (row[first], row[second]) == (f"{source.name} B", "hand@example.com")

    shop.edit(source, g="x@example.com")
    shop.run()
    shop.edit(source, g=None)
    shop.run()
    witness.edit(source, {second: "hand@example.com"})
    assert witness.reconcile("repair") == {"different": 1}, "a field that was sent and cleared is ours"


@pytest.mark.parametrize("kind", KINDS)
def test_with_report_an_edit_is_told_and_stays_until_the_source_changes_the_field(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="x@example.com")
    shop.run()
    first, second = fields_of(source)
    witness.edit(source, {second: "hand@example.com"})

    assert witness.reconcile("report") == {"different": 1}
    assert witness.planned() == 0
    assert witness.reconcile("report") == {"different": 1}
    assert len(witness.open()) == 1
    shop.edit(source, f="B")
    shop.run()
    (row,) = witness.values(source)
    assert (row[first], row[second]) == (f"{source.name} B", "hand@example.com"), (
        "another field takes nothing along"
    )
    assert witness.reconcile("report") == {"different": 1}
    shop.edit(source, g="y@example.com")
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile("report") == {}
    assert witness.open() == []


@pytest.mark.parametrize("kind", ["quotes", "cards"])
@pytest.mark.parametrize("drift", ["report", "repair"])
def test_a_record_that_was_deleted_in_the_target_is_missing(witness, kind, drift):
    shop = witness.shop
    source, other = shop.add(kind), shop.add(kind)
    shop.run()
    witness.delete(source)

    assert witness.reconcile(drift) == {"missing": 1}
    if drift == "report":
        assert witness.planned() == 0
        assert witness.reconcile(drift) == {"missing": 1}
        assert witness.reconcile("repair") == {"missing": 1}
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile(drift) == {}
    assert witness.planned() == 0
    assert other.is_there


def test_fields_that_are_not_ours_may_be_edited(witness):
    source = witness.shop.add("cards")
    witness.shop.run()
    witness.edit(source, {"description": "theirs", "websiteurl": "https://example.com"})

    assert witness.reconcile("repair") == {}


@pytest.mark.parametrize("kind", KINDS)
def test_immutable_properties_are_left_out(witness, kind):
    source = witness.shop.add(kind, g="x@example.com")
    witness.shop.run()
    witness.edit(source, {fields_of(source)[1]: "hand@example.com"})

    assert witness.reconcile("repair", immutable=(fields_of(source)[1],)) == {}


def test_a_marked_record_that_belongs_to_nobody_is_extra_and_stays(witness):
    shop = witness.shop
    source = shop.add("people")
    shop.run()
    (row,) = witness.values(source)
    twin = {name: row[name] for name in ("dataAreaId", "AssociatedPartyNumber", "FirstName", "LastName")}
    shop.sandbox.finops.create("CDSContactPersons", {**twin, "IsContactPersonExternallyMaintained": "Yes"})
    shop.sandbox.finops.create("CDSContactPersons", {**twin, "IsContactPersonExternallyMaintained": "No"})

    before = [row["ContactPersonPartyNumber"] for row in witness.values(source)]
    assert len(before) == 3
    assert witness.results("repair")[1].counts["extra"] == 1
    assert witness.planned() == 0
    assert witness.results("repair")[1].counts["extra"] == 1
    assert [kind for kind, _, _ in witness.open()] == ["extra"]


def test_a_removed_record_that_is_there_again_is_extra_and_removed_again(witness):
    shop = witness.shop
    source = shop.add("quotes")
    shop.run()
    shop.edit(source, is_there=False)
    shop.run()
    assert shop.differences() == []
    witness.appears_again(source)

    assert witness.reconcile("report") == {"extra": 1}
    assert witness.planned() == 0
    assert witness.reconcile("repair") == {"extra": 1}
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile("repair") == {}
    assert witness.planned() == 0


@pytest.mark.parametrize("drift", ["report", "repair"])
def test_a_removed_record_is_not_there_again_because_another_one_has_its_key_now(witness, drift):
    shop = witness.shop
    first = shop.add("quotes")
    shop.run()
    shop.edit(first, is_there=False)
    shop.run()
    witness.appears_again(first)
    assert witness.reconcile("report") == {"extra": 1}
    shop.edit(shop.add("quotes", f="B"), number=first.name)
    shop.settle()
    assert shop.differences() == []

    assert witness.reconcile(drift) == {}
    assert witness.open() == []
    assert witness.planned() == 0
    assert shop.differences() == []


@pytest.mark.parametrize("drift", ["report", "repair"])
def test_a_removed_record_whose_key_goes_to_another_one_while_the_target_is_read_is_not_extra(witness, drift):
    shop = witness.shop
    first = shop.add("quotes")
    shop.run()
    shop.edit(first, is_there=False)
    shop.run()
    shop.edit(shop.add("quotes", f="B"), number=first.name)

    result = reconcile_write(shop, write_of("quotes"), drift, before=shop.run)
    assert counted([result]) == {}
    assert shop.differences() == []
    assert witness.planned() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_rows_in_doubt_are_left_alone(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="x@example.com")
    shop.run()
    shop.edit(source, f="B")
    shop.fault({"kind": "late"})
    shop.run()
    shop.peace()
    witness.edit(source, {fields_of(source)[1]: "hand@example.com"})
    before = shop.flow.sql("select * from sync.ledger order by source_key")
    assert any(
        row is not None for row in shop.flow.sql("select doubt from sync.ledger where doubt is not null")
    )

    for _ in range(2):
        results = witness.results("repair")
        assert sum(result.counts["in_doubt"] for result in results) == 1
        assert sum(result.counts["compared"] for result in results) == 0
        assert witness.open() == []
        assert shop.flow.sql("select * from sync.ledger order by source_key") == before
        shop.flow.sql("update sync.ledger set over_at = over_at - interval '1 day'")
        before = shop.flow.sql("select * from sync.ledger order by source_key")
    shop.settle()
    assert shop.differences() == []
    assert witness.reconcile("repair") == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_that_is_older_than_the_last_write_says_nothing(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="x@example.com")
    shop.run()
    witness.edit(source, {fields_of(source)[1]: "hand@example.com"})
    shop.flow.sql("update sync.ledger set changed_at = clock_timestamp() + interval '1 hour'")

    results = witness.results("repair")
    assert sum(result.counts["different"] for result in results) == 0
    assert sum(result.counts["changed_meanwhile"] for result in results) == 1
    assert witness.open() == []


@pytest.mark.parametrize("kind", ["quotes", "cards"])
def test_a_record_that_is_written_while_the_target_is_read_is_left_alone(witness, kind):
    shop = witness.shop
    source, other = shop.add(kind, g="x@example.com"), shop.add(kind, g="x@example.com")
    shop.run()
    shop.edit(source, f="B")
    write = write_of(kind)
    witness.edit(other, {fields_of(other)[1]: "hand@example.com"})

    result = reconcile_write(shop, write, before=shop.run)
    assert (result.counts["different"], result.counts["belief"]) == (1, 0)
    assert [record for _, record, _ in witness.open()] == [other.name]
