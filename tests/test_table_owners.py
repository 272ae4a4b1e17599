"""One module writes each table of `raw` and `sync`; the docs and the packages' docstrings name the same owners."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "plugins" / "prospect_to_cash"
RAW_TABLES = "raw.<system>_<entity>"

OWNERS = {
    "sync.migration": "database/migrate.py",
    "sync.environment": "database/environments.py",
    "sync.connection_environment": "database/environments.py",
    "sync.instance": "database/instance.py",
    "sync.service_wait": "database/service_waits.py",
    RAW_TABLES: "extract/raw_table.py",
    "raw.quarantine": "extract/quarantine.py",
    "raw.seen": "extract/seen_keys.py",
    "sync.coverage": "extract/coverage.py",
    "sync.read_bound": "extract/coverage.py",
    "sync.reading": "extract/coverage.py",
    "sync.change_link": "extract/change_link.py",
    "sync.package_job": "extract/package_jobs.py",
    "sync.builds": "transform/builds.py",
    "sync.run": "plan/runs.py",
    "sync.identity": "plan/identities.py",
    "sync.plan": "plan/plan_rows.py",
    "sync.ledger": "load/ledger.py",
    "sync.attempt": "load/ledger.py",
    "sync.stray": "load/ledger.py",
    "sync.lease": "load/lease.py",
    "sync.reconcile": "reconcile/findings.py",
    "sync.finding": "reconcile/findings.py",
}
# SQL text too long for its owner: a module that the owner alone imports.
SQL_TEXT = {
    "load/ledger_statements.py": "load/ledger.py",
    "extract/raw_statements.py": "extract/raw_table.py",
    "plan/plan_statements.py": "plan/plan_rows.py",
    "reconcile/statements.py": "reconcile/comparison.py",
}
# A reconcile corrects what the delivery believes.
ALSO_WRITES = {"sync.ledger": {"reconcile/beliefs.py"}}
# A stage may join the tables of these stages; the plan also compares with the ledger, against the arrows.
READS = {
    "database": {"database"},
    "extract": {"extract"},
    "transform": {"transform", "extract"},
    "plan": {"plan", "extract", "transform"},
    "load": {"load", "plan", "extract", "transform"},
    "report": {"load", "plan", "extract", "transform"},
    "reconcile": {"reconcile", "load", "plan", "extract", "transform"},
}
EXCEPTIONS = {("plan", "sync.ledger")}

WRITES = re.compile(
    r"\b(?:insert into|update|delete from|copy|truncate)\s+((?:sync|raw)\.\w+)", re.IGNORECASE
)
MENTIONS = re.compile(r"\b(?:into|update|from|join|using|copy)\s+((?:sync|raw)\.\w+)", re.IGNORECASE)


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 60
    return found


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def strings(path: Path) -> Iterator[str]:
    """Every string of a module but its docstrings; of an f-string the fixed parts as one text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def tables(pattern: re.Pattern[str]) -> dict[str, set[str]]:
    """The tables that a pattern finds in the package's SQL, with the modules that have it."""
    found = defaultdict(set)
    for path in modules():
        for text in strings(path):
            for table in pattern.findall(text):
                found[table.lower()].add(SQL_TEXT.get(name_of(path), name_of(path)))
    return found


def test_every_table_of_the_migrations_has_an_owner():
    created = {"sync.migration"}
    for path in (PACKAGE / "database" / "migrations").glob("*.sql"):
        created |= set(re.findall(r"create (?:unlogged )?table ((?:sync|raw)\.\w+)", path.read_text()))

    assert created == OWNERS.keys() - {RAW_TABLES}


def test_each_table_is_written_by_its_owner_alone():
    assert tables(WRITES) == {
        table: {owner} | ALSO_WRITES.get(table, set())
        for table, owner in OWNERS.items()
        if table != RAW_TABLES
    }


def test_only_their_owner_and_the_database_package_know_the_raw_tables_by_name():
    naming = {name_of(path) for path in modules() if 'Identifier("raw"' in path.read_text()}

    assert naming == {OWNERS[RAW_TABLES], "database/raw_tables.py"}


@pytest.mark.parametrize(("text", "owner"), SQL_TEXT.items())
def test_sql_text_is_imported_by_its_owner_alone(text, owner):
    imported = re.compile(rf"import .*\b{Path(text).stem}\b|from \S+\.{Path(text).stem} import")

    assert [name_of(path) for path in modules() if imported.search(path.read_text())] == [owner]


def test_a_package_reads_tables_of_its_own_stage_or_an_earlier_one():
    breaches = [
        (module, table)
        for table, found in tables(MENTIONS).items()
        for module in found
        if OWNERS[table].split("/")[0] not in READS.get(module.split("/")[0], set())
        and (module.split("/")[0], table) not in EXCEPTIONS
    ]

    assert breaches == []


def test_the_docs_name_the_same_owners():
    text = (ROOT / "docs" / "way_of_the_data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `((?:sync|raw)\.[^`]+)` \| `([^`]+)` \|", text, re.MULTILINE)

    assert dict(rows) == OWNERS
    assert len(rows) == len(OWNERS)


@pytest.mark.parametrize("package", READS)
def test_a_packages_docstring_names_its_tables(package):
    docstring = ast.get_docstring(ast.parse((PACKAGE / package / "__init__.py").read_text(encoding="utf-8")))
    owned = re.search(r"Owns (?:no table|the tables? .*?)[.;:](?:\s|$)", docstring, re.DOTALL)

    assert owned, docstring
    assert set(re.findall(r"``((?:sync|raw)\.[^`]+)``", owned[0])) == {
        table for table, owner in OWNERS.items() if owner.startswith(f"{package}/")
    }
