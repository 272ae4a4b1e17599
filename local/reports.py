"""The stored reports of some runs, as JSON and as text. Runs in Airflow's environment: the hooks need it.

`python -m local.reports accounts=<run id> ...` prints {"reports": [...], "text": table and reasons}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def stored_reports(runs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """`runs` are pairs of flow and Airflow's run id; a run that planned nothing has no report."""
    from prospect_to_cash.hooks.staging import StagingHook
    from prospect_to_cash.operators.report import read_report, render
    from prospect_to_cash.stores.database import connect
    from prospect_to_cash.stores.run_store import find_run

    with connect(StagingHook().uri(), "p2c_loader", "p2c report") as store:
        found = [find_run(store, flow, run_id) for flow, run_id in runs]
        reports = read_report(store, [number for number in found if number is not None])
        return {"reports": reports, "text": render(store, reports) if reports else ""}


if __name__ == "__main__":
    pairs = [argument.partition("=") for argument in sys.argv[1:]]
    print(json.dumps(stored_reports([(flow, run_id) for flow, _, run_id in pairs])))
