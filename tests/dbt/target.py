"""The state of the target systems that outbound requires, and checks that they are in it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from prospect_to_cash.flow_card import Write
from prospect_to_cash.load import references
from prospect_to_cash.load.items import folded
from prospect_to_cash.plan import identities
from tests.dbt.flow_runs import FlowRuns
from tests.dbt.systems import BIND, Row
from tests.dbt.warehouse import ENVIRONMENTS

# Set by writes that create nothing. Their outbound row may be gone or held by now; the target keeps the values then.
# A property that outbound no longer has, because its own field was taken out of the mapping, keeps its value too.
KEPT = {"statecode", "statuscode", "ContactPersonId", "_pricelevelid_value", "SalesDistrictId"}
# Set by the target system.
SET_BY_TARGET = {"PartyNumber", "SalesQuotationStatus", "IsInactive", "@odata.etag"}


class Expected:
    """The current rows of outbound, and the records that the plans of these runs hold."""

    def __init__(self, runs: FlowRuns, planned: Iterable[int]) -> None:
        self.runs = runs
        self.systems = runs.systems
        self.writes = [write for card in runs.cards.values() for write in card.writes]
        self.rows: dict[str, Row] = {}
        for write in self.writes:
            for row in runs.warehouse.rows(
                f"""
                select source_key, document, target_key::text, sync.flatten(body)::text as body, requires, operation,
                    locked
                from outbound.{write.relation} where operation <> 'absent'
                """
            ):
                self.rows[f"{write.name}:{row['source_key']}"] = row | {"write": write}
        self.documents = {
            row["document"]
            for write in self.writes
            for row in runs.warehouse.rows(f"select document from outbound.{write.relation}")
        }
        self.held = {
            f"{row['write']}:{row['source_key']}"
            for row in runs.warehouse.rows(
                "select write, source_key from sync.plan where run_id = any(%s) and state = 'held'",
                list(planned),
            )
        }
        accepted = runs.warehouse.rows("select write, source_key from sync.ledger where present")
        self.accepted = {f"{row['write']}:{row['source_key']}" for row in accepted}
        # (system and entity, key) -> the source record that was delivered under it first, and keeps it.
        self.owners = {
            (row["env_id"], row["entity"], folded(row["target_key"])): row["source_key"]
            for row in runs.warehouse.rows(
                """
                select env_id, entity, source_key, target_key from sync.identity
                where exists (
                    select 1 from sync.ledger where ledger.env_id = identity.env_id
                        and ledger.source_key = identity.source_key and ledger.present
                )
                """
            )
        }

    def is_anothers(self, row: Row) -> bool:
        """Whether another source record was delivered under the key of a row of outbound."""
        write = row["write"]
        key = (ENVIRONMENTS[write.system], write.entity, folded(json.loads(row["target_key"])))
        return bool(write.creates) and self.owners.get(key, row["source_key"]) != row["source_key"]

    def deliverable(self, name: str, also_accepted: bool) -> bool:
        """Whether a row can be sent: it exists, is not held, and all it requires can be sent (or has been accepted)."""
        row = self.rows.get(name)
        if row is None or row["operation"] != "upsert" or row["locked"] or name in self.held:
            return False
        return all(
            self.deliverable(needed, also_accepted) or (also_accepted and needed in self.accepted)
            for needed in row["requires"]
        )

    def identity(self, write: Write, source_key: str) -> Row | None:
        found = self.runs.warehouse.rows(
            """
            select target_key::text, target_id::text, answer from sync.identity
            where env_id = %s and entity = %s and source_key = %s
            """,
            ENVIRONMENTS[write.system], write.entity, source_key,
        )  # fmt: skip
        return found[0] if found else None

    def record(self, write: Write, source_key: str, target_key: str) -> tuple[str, Row] | None:
        """The target's record of a source record, found by its key in outbound."""
        identity = self.identity(write, source_key) or {}
        place = (write.system, write.target_set)
        if write.id:
            target_id = identity.get("target_id") or json.loads(target_key).get(write.id)
            if target_id is None:
                return self.systems.found(place, **json.loads(target_key))
            row = self.systems.rows[place].get(target_id)
            return (target_id, row) if row else None
        own = identity.get("answer")
        wanted = references.wanted("{}", target_key, own)
        known = identities.resolve(self.runs.store, ENVIRONMENTS[write.system], wanted)
        self.runs.store.rollback()
        key = references.resolve_key(target_key, known, own)
        return self.systems.found(place, **key) if set(write.key) <= key.keys() else None

    def check(self) -> int:
        """The target has every expected record once, and no part that its document no longer has.

        Returns the number of rows that were checked.
        """
        expected: dict[tuple[str, str, str], Row] = {}
        checked = 0
        for name, row in self.rows.items():
            if not self.deliverable(name, also_accepted=True):
                continue
            checked += 1
            write = row["write"]
            found = self.record(write, row["source_key"], row["target_key"])
            assert found, f"{name} is missing in {write.system}"
            wanted = self._wanted(row)
            wrong = {k: (v, found[1].get(k)) for k, v in wanted.items() if not same(v, found[1].get(k))}
            assert not wrong, f"{name}: (expected, found) {wrong}"
            expected.setdefault((write.system, write.target_set, found[0]), {}).update(wanted)
            if write.creates:
                expected[write.system, write.target_set, found[0]]["creates"] = name
        self._no_leftovers(expected)
        self._no_second_record()
        self._nothing_gone()
        return checked

    def _wanted(self, row: Row) -> Row:
        """A body as the target returns it, without what only creates contain."""
        known = self._known(row)
        body = {}
        for name, value in json.loads(str(row["body"])).items():
            if name.startswith(references.CREATE_ONLY):
                continue
            reference = references.reference_in(value) if name.endswith(BIND) else None
            if name.endswith(BIND):
                text = str(value) if reference is None else f"({known[reference]})"
                body[f"_{name.removesuffix(BIND)}_value"] = text.rsplit("(", 1)[-1].rstrip(")")
            else:
                body[name] = value
        return body

    def _known(self, row: Row) -> references.Known:
        wanted = references.wanted(str(row["body"]), "{}")
        known = identities.resolve(self.runs.store, ENVIRONMENTS[row["write"].system], wanted)
        self.runs.store.rollback()
        return known

    def _no_leftovers(self, expected: dict[tuple[str, str, str], Row]) -> None:
        """No created record has a value in a field that is no longer sent."""
        for (system, entity, key), wanted in expected.items():
            if "creates" not in wanted or key in self.systems.users[system, entity]:
                continue
            keys = self.systems.reads[system, entity].key
            names = {name for write in self.writes if write.target_set == entity for name in write.key}
            rest = {
                name: value
                for name, value in self.systems.rows[system, entity][key].items()
                if value not in (None, "") and name not in {*wanted, *keys, *names, *KEPT, *SET_BY_TARGET}
            }
            assert not rest, f"{wanted['creates']}: the target still has {rest}"

    def _no_second_record(self) -> None:
        """Every record that users did not enter belongs to one record of the source."""
        for write in self.writes:
            if not write.creates:
                continue
            place = (write.system, write.target_set)
            ours = {key for key in self.systems.rows[place] if key not in self.systems.users[place]}
            owners: dict[str, str] = {}
            for row in self.runs.warehouse.rows(
                "select source_key, target_key::text from sync.identity where env_id = %s and entity = %s",
                ENVIRONMENTS[write.system], write.entity,
            ):  # fmt: skip
                try:
                    found = self.record(write, row["source_key"], row["target_key"])
                except (
                    KeyError
                ):  # it refers to a record that was never delivered, so it was not delivered either
                    continue
                if found:
                    other = owners.setdefault(found[0], row["source_key"])
                    assert other == row["source_key"], (
                        f"{place} {found[0]} is {other} and {row['source_key']}"
                    )
            assert ours <= owners.keys(), f"{place}: no source record for {ours - owners.keys()}"

    def _nothing_gone(self) -> None:
        """Remaining parts belong to a document that has them, has no outbound row, or is locked."""
        locked = {row["document"] for row in self.rows.values() if row["locked"]}
        for write in self.writes:
            if not write.absent_parts:
                continue
            for row in self.runs.warehouse.rows(
                """
                select ledger.source_key, ledger.document, identity.target_key::text
                from sync.ledger inner join sync.identity as identity
                    on identity.env_id = ledger.env_id and identity.source_key = ledger.source_key
                where ledger.env_id = %s and ledger.write = %s and identity.entity = %s
                """,
                ENVIRONMENTS[write.system], write.name, write.entity,
            ):  # fmt: skip
                found = self.record(write, row["source_key"], row["target_key"])
                is_active = found and (
                    isinstance(write.absent_parts, str)
                    or any(found[1].get(k) != v for k, v in write.absent_parts.items())
                )
                has = f"{write.name}:{row['source_key']}" in self.rows
                free = row["document"] in self.documents - locked
                assert has or not free or not is_active, (
                    f"{write.name}:{row['source_key']} is no longer in its document, but still in the target"
                )

    def state(self) -> dict[str, tuple[str, Row]]:
        """{write and source key: (target key, body)} of rows that can be sent, without numbers that the target assigned."""
        persons = {}
        for row in self.systems.rows["finops", "ContactPersons"].values():
            pair = {k: row[k] for k in ("ContactPersonPartyNumber", "AssociatedPartyNumber")}
            persons[row["ContactPersonId"]] = folded(pair)
        named = {}
        for row in self.runs.warehouse.rows(
            "select source_key, target_key::text from sync.identity where entity = 'CDSContactPersons'"
        ):
            write = next(write for write in self.writes if write.entity == "CDSContactPersons")
            try:
                found = self.record(write, row["source_key"], row["target_key"])
            except KeyError:
                continue
            if found:
                pair = {k: found[1][k] for k in ("ContactPersonPartyNumber", "AssociatedPartyNumber")}
                named[folded(pair)] = row["source_key"]
        state = {}
        for name, row in self.rows.items():
            if self.deliverable(name, also_accepted=False):
                body = json.loads(str(row["body"]))
                if "ContactPersonId" in body:
                    body["ContactPersonId"] = named[persons[body["ContactPersonId"]]]
                state[name] = (str(row["target_key"]), body)
        return state


def same(expected: object, found: object) -> bool:
    if expected in (None, "") or found in (None, ""):
        return expected in (None, "") and found in (None, "")
    return expected == found if isinstance(expected, bool) == isinstance(found, bool) else False
