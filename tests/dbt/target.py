"""What outbound demands of the target systems, and whether they hold just that."""

from __future__ import annotations

import json
from collections.abc import Iterable

from prospect_to_cash.delivery import references
from prospect_to_cash.delivery.items import folded
from prospect_to_cash.flow_card import Write
from prospect_to_cash.stores import plan_rows
from tests.dbt.flow_runs import FlowRuns
from tests.dbt.systems import BIND, Row
from tests.dbt.warehouse import ENVIRONMENTS

# Said by writes that create nothing, whose row may be gone or held by now: it stays as the target has it.
LEFT = {"statecode", "statuscode", "ContactPersonId", "_pricelevelid_value"}
# Said by the target itself.
ANSWERED = {"PartyNumber", "SalesQuotationStatus", "IsInactive", "@odata.etag"}


class Demand:
    """Everything that outbound says at this moment, with what the plans of these runs held."""

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
        accepted = runs.warehouse.rows(
            "select write, source_key from sync.ledger where accepted_hash is not null"
        )
        self.accepted = {f"{row['write']}:{row['source_key']}" for row in accepted}

    def deliverable(self, name: str, also_accepted: bool) -> bool:
        """Whether a row can go: it is there, nothing holds it, and all it requires can go (or has gone)."""
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
        """The target's record of a source record, under the key that outbound says."""
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
        known = plan_rows.resolve(self.runs.store, ENVIRONMENTS[write.system], wanted)
        self.runs.store.rollback()
        key = references.resolve_key(target_key, known, own)
        return self.systems.found(place, **key) if set(write.key) <= key.keys() else None

    def check(self) -> int:
        """The target holds what is demanded, once each, and nothing that its document has no more.

        Returns how many rows were looked at.
        """
        said: dict[tuple[str, str, str], Row] = {}
        looked = 0
        for name, row in self.rows.items():
            if not self.deliverable(name, also_accepted=True):
                continue
            looked += 1
            write = row["write"]
            found = self.record(write, row["source_key"], row["target_key"])
            assert found, f"{name} is demanded and is not in {write.system}"
            wanted = self._wanted(row)
            wrong = {k: (v, found[1].get(k)) for k, v in wanted.items() if not same(v, found[1].get(k))}
            assert not wrong, f"{name}: demanded and found {wrong}"
            said.setdefault((write.system, write.target_set, found[0]), {}).update(wanted)
            if write.creates:
                said[write.system, write.target_set, found[0]]["creates"] = name
        self._no_rest(said)
        self._no_second_record()
        self._nothing_gone()
        return looked

    def _wanted(self, row: Row) -> Row:
        """A body as the target shows it; what creates alone say is not looked at."""
        known = self._known(row)
        said = {}
        for name, value in json.loads(str(row["body"])).items():
            if name.startswith(references.CREATE_ONLY):
                continue
            reference = references.reference_in(value) if name.endswith(BIND) else None
            if name.endswith(BIND):
                text = str(value) if reference is None else f"({known[reference]})"
                said[f"_{name.removesuffix(BIND)}_value"] = text.rsplit("(", 1)[-1].rstrip(")")
            else:
                said[name] = value
        return said

    def _known(self, row: Row) -> references.Known:
        wanted = references.wanted(str(row["body"]), "{}")
        known = plan_rows.resolve(self.runs.store, ENVIRONMENTS[row["write"].system], wanted)
        self.runs.store.rollback()
        return known

    def _no_rest(self, said: dict[tuple[str, str, str], Row]) -> None:
        """A record of ours has no field that was said once and is not any more."""
        for (system, entity, key), wanted in said.items():
            if "creates" not in wanted or key in self.systems.users[system, entity]:
                continue
            keys = self.systems.reads[system, entity].key
            names = {name for write in self.writes if write.target_set == entity for name in write.key}
            rest = {
                name: value
                for name, value in self.systems.rows[system, entity][key].items()
                if value not in (None, "") and name not in {*wanted, *keys, *names, *LEFT, *ANSWERED}
            }
            assert not rest, f"{wanted['creates']}: the target still has {rest}"

    def _no_second_record(self) -> None:
        """Every record that people did not type stands for one record of the source."""
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
                except KeyError:  # it refers to something that was never delivered, so neither was it
                    continue
                if found:
                    other = owners.setdefault(found[0], row["source_key"])
                    assert other == row["source_key"], (
                        f"{place} {found[0]} is {other} and {row['source_key']}"
                    )
            assert ours <= owners.keys(), f"{place}: nobody owns {ours - owners.keys()}"

    def _nothing_gone(self) -> None:
        """Parts that are still there belong to a document that has them, or says nothing, or is locked."""
        locked = {row["document"] for row in self.rows.values() if row["locked"]}
        for write in self.writes:
            if not write.gone:
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
                    isinstance(write.gone, str) or any(found[1].get(k) != v for k, v in write.gone.items())
                )
                has = f"{write.name}:{row['source_key']}" in self.rows
                free = row["document"] in self.documents - locked
                assert has or not free or not is_active, (
                    f"{write.name}:{row['source_key']} is gone and still there"
                )

    def state(self) -> dict[str, tuple[str, Row]]:
        """{write and source key: (target key, body)} of what can go now, in words that do not depend on numbers given."""
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


def same(said: object, found: object) -> bool:
    if said in (None, "") or found in (None, ""):
        return said in (None, "") and found in (None, "")
    return said == found if isinstance(said, bool) == isinstance(found, bool) else False
