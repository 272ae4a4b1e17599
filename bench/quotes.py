"""Times the flow of quotes, each with a header and about five lines.

    python -m bench quotes --quotes 20000

Products, accounts and contacts run first, unmeasured. Then four runs of quotes are measured: all quotes; one that reads
back what the first wrote; one without changes; one after a share of the quotes was revised, each with another quantity on
one line.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from bench import results
from bench.changes import sales_client
from bench.errors import BenchError
from bench.runs import conclude, run_lines, values
from bench.world import FlowRun, World, new_world
from prospect_to_cash.clients import DataverseClient, Operation


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 if a run wrote more than it should."""
    parser = argparse.ArgumentParser(
        prog="python -m bench quotes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quotes", type=int, default=20_000, help="generated quotes (default %(default)s)")
    parser.add_argument(
        "--accounts",
        type=int,
        default=2_000,
        help="generated accounts, their customers (default %(default)s)",
    )
    parser.add_argument(
        "--products", type=int, default=1_000, help="generated products (default %(default)s)"
    )
    parser.add_argument(
        "--share", type=float, default=0.01, help="share of quotes to change (default %(default)s)"
    )
    parser.add_argument("--memory", action="store_true", help="also measure a tenth of the quotes")
    parser.add_argument("--out", type=Path, help="append the figures to this file, one JSON object per line")
    options = parser.parse_args(arguments)
    measured: dict[int, list[tuple[str, FlowRun]]] = {}
    problems: list[str] = []
    for size in [options.quotes // 10, options.quotes] if options.memory else [options.quotes]:
        print(f"\n{size:,} quotes, {options.accounts:,} accounts, {options.products:,} products")
        with new_world(options.accounts, options.products, 0, size) as world:
            measured[size] = _measure(world, options.share, problems)
        results.show(run_lines(measured[size]))
        results.append(options.out, "quotes", [values(size, what, run) for what, run in measured[size]])
    return conclude(measured, problems)


def _measure(world: World, share: float, problems: list[str]) -> list[tuple[str, FlowRun]]:
    for flow in ("products", "accounts", "contacts"):
        world.run(flow)
    runs = [(what, world.run("quotes")) for what in ("full", "again", "silent")]
    for what, run in runs[1:]:
        if run.count("writes"):
            problems.append(f"Run '{what}' sent {run.count('writes')} writes: it should send none.")
    if world.stack.stand_ins is None:
        raise BenchError(
            "The environment has connections to real systems, and a measurement writes: unset them."
        )
    with sales_client(world.stack.stand_ins) as client:
        changed = _revise(client, share)
    run = world.run("quotes")
    runs.append((f"{share:.0%} changed", run))
    if not 0 < run.count("updated") <= changed:
        problems.append(f"{changed} quotes were changed, but {run.count('updated')} quotations were updated.")
    return runs


def _revise(client: DataverseClient, share: float) -> int:
    """Revise a share of the active quotes: close, revise, change one line's quantity, activate."""
    active = _ids(client, "statecode eq 1")
    chosen = active[:: max(1, round(1 / share))]
    before = set(_ids(client, "statecode eq 0"))
    _write(client, [_close(quote) for quote in chosen])
    _write(client, [_reopen(quote) for quote in chosen])
    drafts = set(_ids(client, "statecode eq 0")) - before
    first: dict[str, tuple[str, float]] = {}
    columns = ["quotedetailid", "_quoteid_value", "quantity"]
    for page in client.pages("quotedetails", columns, None, ["quotedetailid"], page_size=5000):
        for row in map(json.loads, page.rows):
            if row["_quoteid_value"] in drafts:
                first.setdefault(row["_quoteid_value"], (row["quotedetailid"], row["quantity"]))
    _write(client, [_patch("quotedetails", line, {"quantity": most + 1}) for line, most in first.values()])
    _write(client, [_patch("quotes", quote, {"statecode": 1, "statuscode": 2}) for quote in drafts])
    return len(drafts)


def _ids(client: DataverseClient, condition: str) -> list[str]:
    pages = client.pages("quotes", ["quoteid"], condition, ["quoteid"])
    return [json.loads(row)["quoteid"] for page in pages for row in page.rows]


def _close(quote: str) -> Operation:
    close = {"subject": "revised", "quoteid@odata.bind": f"/quotes({quote})"}
    return Operation("POST", "CloseQuote", None, json.dumps({"Status": 7, "QuoteClose": close}).encode())


def _reopen(quote: str) -> Operation:
    body = {"QuoteId": quote, "ColumnSet": {"Columns": ["quoteid"]}}
    return Operation("POST", "ReviseQuote", None, json.dumps(body).encode())


def _patch(entity_set: str, key: str, body: dict[str, float]) -> Operation:
    return Operation("PATCH", entity_set, key, json.dumps(body).encode(), if_match="*")


def _write(client: DataverseClient, operations: Sequence[Operation]) -> None:
    refused = [answer for answer in client.write(operations, deadline=300) if answer.kind != "done"]
    if refused:
        raise BenchError(f"{len(refused)} changes were refused; the first error: {refused[0].sentence}")
