"""`python -m local.check_dags FOLDER`: every DAG file can be imported, and every card has its DAG."""

from __future__ import annotations

import sys
from pathlib import Path


def main(folder: Path) -> int:
    """Exit code 0, or 1 after printing what is wrong."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(folder.resolve()))
    for file, error in sorted(bag.import_errors.items()):
        print(f"{file}:\n{error}", file=sys.stderr)
    expected = {f"prospect_to_cash_{card.stem}" for card in (folder / "flows").glob("*.yaml")}
    missing = sorted(expected - set(bag.dags))
    if missing:
        print(f"These cards' DAGs are missing: {', '.join(missing)}.", file=sys.stderr)
    if not expected:
        print(f"There is no card in {folder / 'flows'}.", file=sys.stderr)
    print(f"{len(bag.dags)} DAGs for {len(expected)} cards")
    return 1 if bag.import_errors or missing or not expected else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
