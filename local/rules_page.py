"""docs/rules.md from the rule catalogue and the tests that are marked with a rule: `make docs`.

A test says which rule it breaks by `@pytest.mark.rule("flow", "rule")`. The marks are read as pytest collects them, so that
those of parametrized cases count too; no test is run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.cards import flows
from local.errors import LocalError
from local.paths import Paths

PAGE = Path("docs") / "rules.md"
CATALOGUE = Path("dbt_project") / "seeds" / "rules.csv"
MARKED = ("tests/flows", "tests/dbt", "tests/delivery")
_HERE = "P2C_RULE_MARKS"
_EFFECTS = {"block": "held", "exclude": "left out", "warn": "sent, and told"}

Rule = tuple[str, str]

HEAD = """# Rules

<!-- Made by `make docs` from dbt_project/seeds/rules.csv and the tests that are marked with a rule: change those. -->

What can be wrong with a record, what then becomes of it, and what to do. *Held* means that it waits, alone, until it is
mended, and then goes by itself; *left out* that a named filter leaves it out; *sent, and told* that it goes all the same.
`{record}`, `{field}` and `{value}` stand for the record's own. Sources name pages of Microsoft's public documentation,
published metadata, or one of our [rulings](rulings.md).
"""


def pytest_collection_finish(session: Any) -> None:
    """As a pytest plugin: write down which collected tests are marked with which rule."""
    place = os.environ.get(_HERE)
    if place:
        found = [[*mark.args, item.nodeid] for item in session.items for mark in item.iter_markers("rule")]
        Path(place).write_text(json.dumps(found), encoding="utf-8")


def marked_tests(root: Path) -> dict[Rule, list[str]]:
    """Per flow and rule the tests that are marked with it; LocalError when tests cannot be collected."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "marks.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "local.rules_page", *MARKED]
        answer = subprocess.run(
            command, cwd=root, env={**os.environ, _HERE: str(place)}, capture_output=True, text=True
        )
        if answer.returncode != 0 or not place.is_file():
            lines = [line for line in answer.stdout.splitlines() if line.strip()] or [answer.stderr.strip()]
            raise LocalError(f"The tests cannot be collected, so docs/rules.md cannot name them: {lines[-1]}")
        found: dict[Rule, list[str]] = {}
        for flow, rule, test in json.loads(place.read_text(encoding="utf-8")):
            found.setdefault((flow, rule), []).append(test)
    return found


def catalogue(root: Path) -> list[dict[str, str]]:
    """The rules as they stand in the seed."""
    with (root / CATALOGUE).open(encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def page(
    rules: Sequence[Mapping[str, str]], tests: Mapping[Rule, Sequence[str]], order: Sequence[str]
) -> str:
    """The whole page: a table per flow in the order given, then the rules of every flow."""
    parts = [HEAD]
    for flow in [*order, "*"]:
        ours = [rule for rule in rules if rule["flow"] == flow]
        if not ours:
            continue
        title = "Every flow" if flow == "*" else flow.replace("_", " ").capitalize()
        lines = [
            f"## {title}",
            "",
            "| rule | effect | what it says | what to do | source | test |",
            "|---" * 6 + "|",
        ]
        for rule in ours:
            cells = [
                f"`{rule['rule']}`",
                _EFFECTS[rule["effect"]],
                rule["sentence"],
                rule["remedy"],
                rule["source"],
                _tests(tests.get((flow, rule["rule"]), ())),
            ]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _tests(found: Sequence[str]) -> str:
    """The first test's name and file, and how many more there are."""
    if not found:
        return "none"
    path, _, name = found[0].partition("::")
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"`{name.replace('::', '.')}` in [{Path(path).name}](../{path}){more}"


def made(paths: Paths) -> str:
    """The page as it should be now."""
    return page(catalogue(paths.root), marked_tests(paths.root), flows(paths))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say whether it is current; exit code 1 when it is not."""
    parser = argparse.ArgumentParser(prog="python -m local.rules_page", description="Write docs/rules.md.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when it is not current")
    said = parser.parse_args(arguments)
    paths = Paths.here()
    place = paths.root / PAGE
    try:
        text = made(paths)
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 2
    if said.check:
        if place.is_file() and place.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE} is not current: `make docs` makes it anew.", file=sys.stderr)
        return 1
    place.write_text(text, encoding="utf-8")
    print(f"{PAGE} is made of {len(catalogue(paths.root))} rules.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
