"""Rows per second that the Sales stand-in serves and accepts: the upper limit of every other figure.

python -m bench serve --accounts 100000
"""

import argparse
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from bench import results
from bench.changes import sales_client
from bench.world import own_home
from local import stand_ins
from local.environment import inherited
from local.paths import Paths
from local.stand_ins import Records, StandIns
from prospect_to_cash.clients import Operation
from prospect_to_cash.flow_card import load_cards


def main(arguments: Sequence[str]) -> int:
    """Exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m bench serve", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000, help="rows to serve (default %(default)s)")
    parser.add_argument("--out", type=Path, help="append the figures to this file, one JSON object per line")
    options = parser.parse_args(arguments)
    with own_home() as paths:
        paths.make()
        began = time.monotonic()
        servers = stand_ins.start(paths, Records(None, options.accounts, 10), inherited())
        try:
            figures = [results.Figure("start with records", options.accounts, time.monotonic() - began)]
            figures += _measure(servers, options.accounts)
        finally:
            stand_ins.stop(paths)
    results.show([figure.line() for figure in figures])
    results.append(options.out, "serve", [figure.values() for figure in figures])
    return 0


def _measure(servers: StandIns, accounts: int) -> Iterator[results.Figure]:
    every, selected = _fields(servers), _selected()
    for what, fields, readers in (
        (f"read all {len(every)} fields", every, 1),
        (f"read the {len(selected)} fields of the flow", selected, 1),
        (f"read the {len(selected)} fields of the flow, 2 readers", selected, 2),
    ):
        began = time.monotonic()
        with ThreadPoolExecutor(readers) as pool:
            rows = sum(pool.map(lambda fields: _read(servers, fields), [fields] * readers))
        yield results.Figure(what, rows, time.monotonic() - began)
    ids = _ids(servers, min(accounts, 10_000))
    with sales_client(servers) as client:
        began = time.monotonic()
        for start in range(0, len(ids), 500):
            body = b'{"address1_line2": "Floor 3"}'
            client.write(
                [Operation("PATCH", "accounts", guid, body) for guid in ids[start : start + 500]], 100
            )
        yield results.Figure("change, batches of 500", len(ids), time.monotonic() - began)
    for what, targets in (
        ("change, UpsertMultiple of 1000", ids),
        ("create, UpsertMultiple of 1000", [str(uuid.uuid4()) for _ in ids]),
    ):
        bodies = [_upsert(targets[start : start + 1000]) for start in range(0, len(targets), 1000)]
        began = time.monotonic()
        _post(servers, "accounts/Microsoft.Dynamics.CRM.UpsertMultiple", bodies)
        yield results.Figure(what, len(targets), time.monotonic() - began)


def _upsert(ids: Sequence[str]) -> bytes:
    """The body of one call, built in advance: building it must not count as the server's time."""
    kind = "Microsoft.Dynamics.CRM.account"
    targets = [
        {"@odata.type": kind, "@odata.id": f"accounts({guid})", "name": guid, "address1_line2": "Floor 4"}
        for guid in ids
    ]
    return json.dumps({"Targets": targets}).encode()


def _post(servers: StandIns, path: str, bodies: Sequence[bytes]) -> None:
    with _session(servers) as session:
        for body in bodies:
            answer = session.post(
                f"{servers.sales_url}/api/data/v9.2/{path}",
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=100,
            )
            answer.raise_for_status()


def _session(servers: StandIns) -> requests.Session:
    session = requests.Session()
    with sales_client(servers) as client:
        session.headers["Authorization"] = f"Bearer {client.tokens.token()}"
    session.headers["Prefer"] = "odata.maxpagesize=5000"
    return session


def _pages(servers: StandIns, fields: Sequence[str]) -> Iterator[bytes]:
    """The pages of all accounts as bytes: parsing them must not count as the server's time."""
    link = f"{servers.sales_url}/api/data/v9.2/accounts?$select={','.join(fields)}&$orderby=accountid"
    with _session(servers) as session:
        while link:
            answer = session.get(link, timeout=100)
            answer.raise_for_status()
            yield answer.content
            found = answer.content.rpartition(b'"@odata.nextLink":')[2]
            link = (
                json.JSONDecoder().raw_decode(found.decode().lstrip())[0]
                if b"@odata.nextLink" in answer.content
                else ""
            )


def _read(servers: StandIns, fields: Sequence[str]) -> int:
    return sum(page.count(b'"@odata.etag"') for page in _pages(servers, fields))


def _selected() -> tuple[str, ...]:
    """The fields that the flow of accounts selects."""
    root = Paths.here().root
    cards = load_cards(root / "dags" / "flows", root / "dbt_project")
    return next(read.select for card in cards for read in card.reads if read.entity == "accounts")


def _fields(servers: StandIns) -> tuple[str, ...]:
    """Every field of an account."""
    with _session(servers) as session:
        answer = session.get(f"{servers.sales_url}/api/data/v9.2/accounts?$top=1", timeout=100)
        answer.raise_for_status()
        return tuple(name for name in answer.json()["value"][0] if "@" not in name)


def _ids(servers: StandIns, count: int) -> list[str]:
    ids: list[str] = []
    for page in _pages(servers, ["accountid"]):
        ids += [row["accountid"] for row in json.loads(page)["value"]]
        if len(ids) >= count:
            break
    return ids[:count]
