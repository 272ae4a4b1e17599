"""Change sets of both clients against the stand-ins: all or nothing, whatever happens to the answer."""

from uuid import UUID, uuid4

import pytest

from prospect_to_cash.clients import Operation


@pytest.fixture(autouse=True)
def _quiet(d365_sandbox):
    yield
    for system in (d365_sandbox.sales, d365_sandbox.finops):
        system.admin.set_faults()
        system.admin.forget_late()


def accounts(*names):
    """Creates with own ids, and the ids."""
    ids = [str(uuid4()) for _ in names]
    body = '{{"name":"{}"}}'
    return [
        Operation("PATCH", "accounts", id, body.format(name).encode())
        for id, name in zip(ids, names, strict=True)
    ], ids


def units(*symbols):
    return [
        Operation("POST", "UnitsOfMeasure", None, b'{"UnitSymbol":"%s"}' % symbol.encode())
        for symbol in symbols
    ]


def symbols(count):
    return [uuid4().hex[:8] for _ in range(count)]


def stored_units(finops, wanted):
    return len(
        list(finops.lookup("UnitsOfMeasure", [{"UnitSymbol": each} for each in wanted], ["UnitSymbol"]))
    )


def stored_accounts(sales, ids):
    return len(list(sales.lookup("accounts", [{"accountid": UUID(each)} for each in ids], ["accountid"])))


def kinds(answers):
    return [(answer.kind, [each.kind for each in answer.answers], answer.refused_part) for answer in answers]


TOO_LONG = "x" * 161


def test_sales_keeps_whole_change_sets_alone(sandbox_sales):
    one, one_ids = accounts("A", "B")
    two, two_ids = accounts("C", TOO_LONG, "D")
    three, three_ids = accounts("E")
    assert kinds(sandbox_sales.write_sets([one, two, three], 30)) == [
        ("done", ["done"] * 2, None),
        ("refused", ["not_run", "rejected", "not_run"], 1),
        ("done", ["done"], None),
    ]
    assert [stored_accounts(sandbox_sales, ids) for ids in (one_ids, two_ids, three_ids)] == [2, 0, 1]


def test_finops_keeps_whole_change_sets_alone(sandbox_finops):
    new = symbols(4)
    assert kinds(sandbox_finops.write_sets([units(*new[:1])], 30)) == [("done", ["done"], None)]
    answers = sandbox_finops.write_sets([units(new[1], new[0]), units(*new[2:])], 30)
    assert kinds(answers) == [
        ("refused", ["not_run", "exists"], 1),
        ("done", ["done"] * 2, None),
    ]
    assert stored_units(sandbox_finops, new[1:2]) == 0
    assert stored_units(sandbox_finops, new[2:]) == 2


@pytest.mark.parametrize(
    ("effect", "kept", "kind"),
    [
        ("lost", 4, "unknown"),
        ("reset", 0, "unknown"),
        ({"kind": "status", "status": 503}, 0, "unknown"),
        ({"kind": "status", "status": 504, "executes": True}, 4, "unknown"),
        ({"kind": "html"}, 0, "unknown"),
        ({"kind": "cut", "at": 0.02}, 4, "unknown"),
        ("lower_case_parts", 4, "done"),
    ],
)
def test_a_spoiled_batch_is_sent_once(d365_sandbox, sandbox_sales, sandbox_finops, effect, kept, kind):
    rule = {"match": {"path": "batch"}, "effect": effect}
    one, one_ids = accounts("A", "B")
    two, two_ids = accounts("C", "D")
    d365_sandbox.sales.admin.set_faults(rule)
    assert {answer.kind for answer in sandbox_sales.write_sets([one, two], 30)} == {kind}
    d365_sandbox.sales.admin.set_faults()
    assert stored_accounts(sandbox_sales, one_ids + two_ids) == kept

    new = symbols(4)
    d365_sandbox.finops.admin.set_faults(rule)
    answers = sandbox_finops.write_sets([units(*new[:2]), units(*new[2:])], 30)
    assert {answer.kind for answer in answers} == {kind}
    d365_sandbox.finops.admin.set_faults()
    assert stored_units(sandbox_finops, new) == kept


def test_change_sets_that_run_late_are_unknown_at_first_and_stored_whole_at_last(
    d365_sandbox, sandbox_sales, sandbox_finops
):
    rule = {"match": {"path": "batch"}, "effect": "late"}
    for system in (d365_sandbox.sales, d365_sandbox.finops):
        system.admin.set_faults(rule)
    one, ids = accounts("A", "B")
    two, lost_ids = accounts("C", TOO_LONG)
    new = symbols(3)
    answers = sandbox_sales.write_sets([one, two], 30) + sandbox_finops.write_sets([units(*new)], 30)
    assert [(answer.kind, answer.open_try) for answer in answers] == [("unknown", True)] * 3
    for system in (d365_sandbox.sales, d365_sandbox.finops):
        system.admin.set_faults()
    assert stored_accounts(sandbox_sales, ids) + stored_units(sandbox_finops, new) == 0
    assert [d365_sandbox.sales.admin.execute_late(), d365_sandbox.finops.admin.execute_late()] == [1, 1]
    assert stored_accounts(sandbox_sales, ids + lost_ids) == 2
    assert stored_units(sandbox_finops, new) == 3


def test_a_write_that_is_repeated_before_it_runs_late_stays_open(d365_sandbox, sandbox_sales):
    d365_sandbox.sales.admin.set_faults({"match": {"method": "PATCH", "nth": 1}, "effect": "late"})
    [operation], ids = accounts("late")
    [answer] = sandbox_sales.write([operation], 30)
    assert (answer.kind, answer.open_try) == ("done", True)
    newer = Operation("PATCH", "accounts", ids[0], b'{"name":"newer"}')
    assert [(each.kind, each.open_try) for each in sandbox_sales.write([newer], 30)] == [("done", False)]
    assert d365_sandbox.sales.admin.execute_late() == 1
    [row] = sandbox_sales.lookup("accounts", [{"accountid": UUID(ids[0])}], ["name"])
    assert b'"name":"late"' in row


def test_a_throttled_part_undoes_its_change_set_which_is_sent_again(d365_sandbox, sandbox_finops):
    throttled = {"kind": "status", "status": 429, "retry_after": 1}
    d365_sandbox.finops.admin.set_faults({"match": {"where": "parts", "nth": 2}, "effect": throttled})
    new = symbols(2)
    assert kinds(sandbox_finops.write_sets([units(*new)], 30)) == [("done", ["done"] * 2, None)]
    assert stored_units(sandbox_finops, new) == 2
