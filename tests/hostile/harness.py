"""Builds worlds, and says what is wrong with the result of one with hostile rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from psycopg2.extras import execute_values

from tests.dbt.warehouse import ENVIRONMENTS, Warehouse
from tests.hostile.bodies import faults_of_row
from tests.hostile.expected import faults_of_values
from tests.hostile.fitting import faults_of_rules
from tests.hostile.replacements import Replacement, applied, replacements
from tests.hostile.touched import Unit, touched
from tests.hostile.world import OPTIONS, Row, Rows, World, as_json, valid_world

FLOWS = {
    "products": (
        "sales__products",
        "sales__product_prices",
        "sales__product_price_lists",
        "sales__product_states",
    ),
    "accounts": ("sales__account_numbers", "finops__accounts", "finops__account_references"),
    "contacts": ("sales__contact_numbers", "finops__contact_persons", "finops__contact_customers"),
    "quotes": ("finops__quotes", "finops__quote_lines"),
}
CHEAP = ("--no-write-json", "--log-level-file", "none", "--cache-selected-only", "--threads", "2")


@dataclass
class Result:
    """What a build made: envelope rows and violations of each driving record, by flow and document."""

    failures: list[str] = field(default_factory=list)
    rows: dict[Unit, list[Row]] = field(default_factory=dict)
    violations: dict[Unit, list[Row]] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)

    def outcome(self, unit: Unit) -> tuple[list[Row], list[Row]]:
        return self.rows.get(unit, []), self.violations.get(unit, [])


class Fault(NamedTuple):
    """Something wrong in a flow; ``kind`` tells it from others while replacements are left out."""

    flow: str
    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The faults of a world, and what was tried in it."""

    faults: list[Fault]
    units: int
    touched: int


class Harness:
    """The valid world in a warehouse, and its result."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.world: World = valid_world(warehouse.reads)
        self.primary = {
            str(answer["ContactPersonPartyNumber"]): source
            for entity, source, _, _, answer in self.world.identities
            if entity == "CDSContactPersons"
        }
        self.valid = self.built(self.world.rows)

    def hostile(self, seed: int) -> list[Replacement]:
        """Up to 60 replacements of a seed that leave more than half of the records untouched."""
        most = 0.45 * len(self.valid.rows.keys() | self.valid.violations.keys())
        chosen: list[Replacement] = []
        for of_record in replacements(self.world, seed):
            more = chosen + of_record
            if (
                len(more) <= 60
                and len(touched(self.world.rows, applied(self.world, more), self.primary)) <= most
            ):
                chosen = more
        return chosen

    def judged(self, chosen: Sequence[Replacement], *flows: str) -> Verdict:
        """The faults of the world with these replacements."""
        rows = applied(self.world, chosen)
        flows = flows or tuple(FLOWS)
        result = self.built(rows, *flows)
        if result.failures:
            return Verdict([Fault("", "build", f"the build failed: {one}") for one in result.failures], 0, 0)
        units = {unit for unit in touched(self.world.rows, rows, self.primary) if unit[0] in flows}
        documents = {self.document(one, unit) for unit in units for one in (self.valid, result)}
        everything = {
            unit for one in (self.valid, result) for unit in (*one.rows, *one.violations) if unit[0] in flows
        }
        faults = [
            Fault(
                unit[0],
                "changed",
                f"{unit} was not touched, and changed: {difference(self.valid, result, unit)}",
            )
            for unit in sorted(everything - documents)
            if self.valid.outcome(unit) != result.outcome(unit)
        ]
        for unit in sorted(units):
            if self.is_read(rows, unit):
                found = self.faults_of_touched(result, self.document(result, unit))
                faults += [Fault(unit[0], "lost", text) for text in found]
        found = faults_of_rules(self.world.rows, rows, self.valid, result, units)
        faults += [Fault(flow, "rule", text) for flow, text in found]
        faults += [Fault(flow, "value", text) for flow, text in faults_of_values(rows, result)]
        for (flow, _), envelopes in result.rows.items():
            for row in envelopes:
                if not self.is_waiting(result, row):
                    faults += [Fault(flow, prop, text) for prop, text in faults_of_row(row)]
        return Verdict(faults, len(everything | documents), len(documents))

    def is_waiting(self, result: Result, row: Row) -> bool:
        """Whether a row waits for an account that is held and was never delivered."""
        delivered = {source for _, source, *_ in self.world.identities}
        accounts = {one.removeprefix("accounts:") for one in row["requires"] if one.startswith("accounts:")}
        return any(not result.rows.get(("accounts", one)) for one in accounts - delivered)

    @staticmethod
    def document(result: Result, unit: Unit) -> Unit:
        """The key of a driving record, which for a quote is that of its document."""
        flow, key = unit
        return (flow, result.documents.get(key, key)) if flow == "quotes" else unit

    @staticmethod
    def is_read(rows: Rows, unit: Unit) -> bool:
        """Whether the record is there, in a company that the connection serves."""
        flow, key = unit
        places = {"products": ("finops", "SellableReleasedProducts")}
        row = rows[places.get(flow, ("sales", flow))].get(key)
        served = flow != "products" or str((row or {}).get("dataAreaId")).lower() in OPTIONS["companies"]
        return row is not None and served

    @staticmethod
    def faults_of_touched(result: Result, unit: Unit) -> list[str]:
        rows, violations = result.outcome(unit)
        stopped = [row for row in violations if row["effect"] in ("block", "exclude")]
        sent = [row for row in rows if row["operation"] != "absent"]
        if not sent and not stopped:
            return [f"{unit} is neither sent nor held"]
        if sent and stopped:
            return [f"{unit} is sent and held by {[row['broken_rule'] for row in stopped]}"]
        return [f"{unit} is held without a name: {row}" for row in violations if not row["record"].strip()]

    def built(self, rows: Rows, *flows: str) -> Result:
        """The result of all flows, or of some, over these rows."""
        self.land(rows)
        selected = [f"+tag:{flow}" for flow in flows or FLOWS]
        failures: list[str] = []
        try:
            self.warehouse.build(selected[0].removeprefix("+tag:"), "--select", *selected, *CHEAP, **OPTIONS)
        except AssertionError as error:
            failures.append(str(error)[:2000])
            return Result(failures)
        return self.result(*(flows or FLOWS))

    def land(self, rows: Rows) -> None:
        """Empty the raw tables and land these rows in them, as extract does."""
        house = self.warehouse
        raw = dict.fromkeys(f"raw.{read.name}" for read in house.reads.values())
        house.run(f"truncate {', '.join(raw)}, sync.identity")
        observed = "2026-05-01T00:00:00Z"
        with house.connection.cursor() as cursor:
            for (system, entity), found in rows.items():
                statement = f"""
                    insert into raw.{house.reads[system, entity].name}
                        (env_id, key, payload, content_hash, observed_at) values %s
                """
                landed = [(ENVIRONMENTS[system], key, as_json(row), observed) for key, row in found.items()]
                execute_values(cursor, statement, landed, template="(%s, %s, %s, md5('')::uuid, %s)")
            execute_values(
                cursor,
                "insert into sync.identity (env_id, entity, source_key, company, target_key, answer, pinned_run) values %s",
                [
                    (ENVIRONMENTS["finops"], entity, key, company, json.dumps(target), json.dumps(answer))
                    for entity, key, company, target, answer in self.world.identities
                ],
                template="(%s, %s, %s, %s, %s, %s, 1)",
            )

    def result(self, *flows: str) -> Result:
        result = Result()
        for flow in flows:
            for relation in FLOWS[flow]:
                for row in self.warehouse.rows(
                    f"select * from outbound.outbound_{relation} order by source_key"
                ):
                    result.rows.setdefault((flow, row["document"]), []).append({"relation": relation} | row)
            statement = f"select * from validation.violations_{flow} order by source_key, broken_rule, field"
            for row in self.warehouse.rows(statement):
                result.violations.setdefault((flow, row["source_key"]), []).append(row)
        if "quotes" in flows:
            statement = "select source_key, document_key from canonical.canonical_quote_revisions"
            result.documents = {
                row["source_key"]: row["document_key"] for row in self.warehouse.rows(statement)
            }
        return result


def difference(before: Result, after: Result, unit: Unit) -> str:
    old, new = (str(one.outcome(unit)) for one in (before, after))
    start = next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    return f"...{old[max(start - 80, 0) : start + 120]} -> ...{new[max(start - 80, 0) : start + 120]}"
