"""The stored reports of runs, as JSON and as text. Needs Airflow's environment, because of the hooks.

`python -m local.reports accounts=<run id> ...` prints {"reports": [...], "text": table and reasons}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def stored_reports(runs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """The reports of `runs`, pairs of flow and Airflow's run id; a run that stopped before its plan has no report.

    A run of the DAG that reconciles all flows has a text alone.
    """
    from prospect_to_cash.database.connections import connect
    from prospect_to_cash.flow_card import load_cards
    from prospect_to_cash.hooks.staging import StagingHook
    from prospect_to_cash.installation.project import dbt_projects, installation_vars
    from prospect_to_cash.operators import reconcile
    from prospect_to_cash.operators.report import render
    from prospect_to_cash.plan import runs as stored

    with connect(StagingHook().uri(), "p2c_loader", "p2c report") as store:
        found = [stored.find_run(store, flow, run_id) for flow, run_id in runs]
        reports = stored.reports(store, [number for number in found if number is not None])
        cards = load_cards(ROOT / "dags" / "flows", dbt_projects(), installation_vars())
        texts = [render(store, reports, cards)] if reports else []
        texts += [reconcile.render(store, run_id) for flow, run_id in runs if flow == reconcile.DAG_RECONCILE]
        return {"reports": reports, "text": "\n\n".join(texts)}


if __name__ == "__main__":
    pairs = [argument.partition("=") for argument in sys.argv[1:]]
    print(json.dumps(stored_reports([(flow, run_id) for flow, _, run_id in pairs])))
