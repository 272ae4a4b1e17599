"""Documents go whole: header and lines in one change set, read back by number, never half of one for good."""

from __future__ import annotations

import pytest

from tests.load.test_belief import BUSY, LATE, LOST, holds
from tests.load.workshop import NO_PRODUCT


def writes(shop, kind="") -> list[dict]:
    return [
        request
        for request in shop.sandbox.finops.admin.requests()
        if request["method"] != "GET" and request["path"].startswith("/data") and kind in request["path"]
    ]


def test_a_document_is_created_changed_and_removed_in_one_change_set_each(shop):
    source = shop.add("offers", lines={1: 1, 2: 5})
    shop.sandbox.finops.admin.forget_requests()
    assert shop.run() == {"created": 3}
    assert [request["path"] for request in writes(shop)] == ["/data/$batch"]
    assert shop.differences() == []

    shop.edit(source, f="B", lines={2: 7, 3: 1})
    assert shop.run() == {"updated": 3, "created": 1}
    assert shop.differences() == []

    shop.edit(source, is_there=False)
    assert shop.run() == {"updated": 3}
    assert shop.differences() == []
    assert [request["path"] for request in writes(shop)] == ["/data/$batch"] * 3
    assert shop.settle() == 1


def test_a_run_that_is_cleared_removes_the_lines_of_a_document_that_it_had_created(shop):
    source = shop.add("offers", lines={1: 1, 2: 5})
    run = shop.plan("cleared")
    shop.load(run)
    shop.edit(source, is_there=False)
    shop.load(shop.plan("cleared"))
    assert shop.offer(source) is None
    assert shop.flow.sql("select count(*) from sync.ledger where present") == [(0,)]


def test_a_line_that_is_refused_leaves_no_header_behind_and_is_named(shop):
    source = shop.add("offers", lines={1: 1, 2: NO_PRODUCT})
    run = shop.plan()
    assert shop.load(run) == {"rejected": 1, "waiting": 2}

    assert shop.offer(source) is None
    assert shop.flow.sql("select record from sync.plan where state = 'rejected'") == [
        (f"{source.name} line 2",)
    ]
    assert list(shop.report(run)["rejected"].values()) == [1]
    shop.edit(source, lines={1: 1, 2: 2})
    shop.run()
    assert shop.differences() == []


def test_a_line_that_is_refused_undoes_the_change_of_its_header(shop):
    source = shop.add("offers", lines={1: 1})
    shop.run()
    shop.edit(source, f="B", lines={1: 2, 2: NO_PRODUCT})
    shop.run()

    assert shop.offer(source) == (f"{source.name} A", "", ((1, 1),))


def test_a_document_with_too_many_parts_goes_write_by_write_and_is_taken_back_when_a_part_is_refused(shop):
    source = shop.add("offers", lines={1: 1, 2: 1, 3: 1, 4: 1, 5: NO_PRODUCT})
    run = shop.plan()
    shop.load(run)

    assert shop.offer(source) is None
    assert sum(shop.report(run)["rejected"].values()) == 1
    shop.edit(source, lines={1: 1, 2: 1, 3: 1, 4: 1, 5: 1})
    assert shop.run() == {"created": 6}
    assert shop.differences() == []


def test_documents_go_write_by_write_where_the_service_takes_no_batches(shop):
    shop.add("offers", lines={1: 1, 2: 2})
    for system in shop.systems():
        system.admin.set_faults(
            {"match": {"path": "batch"}, "effect": {"kind": "status", "status": 501, "body": "no batches"}}
        )
    shop.run()
    shop.peace()

    assert holds(shop)


def test_a_document_that_exists_in_the_target_is_adopted_whole(shop):
    source = shop.add("offers", lines={1: 1, 2: 2})
    shop.run()
    shop.flow.sql("truncate sync.ledger, sync.identity")
    shop.edit(source, f="B", lines={1: 3, 2: 2})
    shop.run()

    assert holds(shop)


@pytest.mark.parametrize("effect", [LOST, LATE, {"kind": "status", "status": 503, "executes": True}])
def test_a_document_whose_answer_was_lost_is_read_by_its_number(shop, effect):
    source = shop.add("offers", lines={1: 1, 2: 2})
    shop.fault(effect, times=9)
    shop.run()
    shop.peace()
    executed = effect != LATE
    assert (shop.offer(source) is not None) is executed
    doubts = shop.flow.sql("select count(*) from sync.ledger where doubt is not null")
    assert doubts == [(0,)] if executed else doubts == [(3,)]

    assert holds(shop)


def test_13_a_late_part_makes_no_document_that_never_existed(shop):
    source = shop.add("offers", lines={1: 1, 2: 2})
    shop.run()
    shop.edit(source, lines={1: 1})
    shop.fault(LATE, times=9)
    shop.run()
    shop.peace()
    shop.edit(source, f="B", lines={1: 1, 2: 2})
    shop.run()
    shop.late_requests_run()
    assert shop.offer(source) in source.versions

    assert holds(shop)


def test_14_a_change_set_with_parts_in_doubt_is_made_from_what_was_read(shop):
    source = shop.add("offers", lines={1: 1})
    shop.fault(LOST, times=9)
    shop.run(dies=True)
    shop.peace()
    shop.edit(source, lines={1: 1, 2: 2})
    for _ in range(3):
        shop.fault(BUSY, times=99)
        shop.run()
        shop.peace()

    assert holds(shop)


def test_a_part_of_a_record_that_is_refused_keeps_its_other_changes_back(shop):
    source = shop.add("offers", lines={1: 1, 2: 1, 3: 1, 4: 1})
    shop.run()
    shop.edit(source, f="x" * 300, lines={1: 2, 2: 2, 3: 2, 4: 2})
    shop.run()

    assert shop.offer(source) == (f"{source.name} A", "", ((1, 1), (2, 1), (3, 1), (4, 1)))
