"""Turn plan rows into requests: look at each record as it is now, read what is unsure, replace references."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.load import ledger, references
from prospect_to_cash.load.decisions import Before, Kind, Known, before_sending
from prospect_to_cash.load.items import Assignment, DeliveryCounts, Item
from prospect_to_cash.load.lease import Lease
from prospect_to_cash.load.look_ups import LookUps, Sighting
from prospect_to_cash.plan import identities, plan_rows
from prospect_to_cash.plan.plan_rows import PlanRow

Aside = tuple[int, str, str]


class Preparation:
    """Prepares the rows of one assignment; what a run finds out about a record is kept for its later rounds."""

    def __init__(
        self,
        connection: Connection,
        client: SystemClient,
        assignment: Assignment,
        lease: Lease,
        look_ups: LookUps,
        counts: DeliveryCounts,
    ) -> None:
        self._connection = connection
        self._client = client
        self._assignment = assignment
        self._write = assignment.write
        self._lease = lease
        self._look_ups = look_ups
        self.counts = counts
        self._origins: dict[int, str] = {}
        self._just_read: set[int] = set()
        self._not_found: set[int] = set()

    def rows(
        self,
        after: int,
        limit: int,
        seqs: Sequence[int] | None = None,
        documents: Sequence[str] | None = None,
        removals: bool | None = None,
    ) -> list[PlanRow]:
        """Planned rows in order, with the present state of their records; only ``removals``, or only others."""
        return plan_rows.next_rows(
            self._connection,
            self._assignment.run_id,
            self._write,
            self._assignment.envs,
            after,
            limit,
            seqs,
            documents,
            removals,
        )

    def again(self, items: Sequence[Item]) -> list[Item]:
        """The next requests for rows of which something has just been read."""
        return self.items_of(self.rows(0, len(items), [item.row.seq for item in items])) if items else []

    def believe(self, seen: Sequence[tuple[Item, Sighting | None]], request_id: str = "") -> None:
        """Store what was read of records, and where they came from. ``request_id`` is the job's that created them."""
        ledger.record_reads(
            self._connection,
            self._lease,
            self._write.entity,
            self._assignment.run_id,
            [self._look_ups.read(item, sighting, item.origin == "adopted") for item, sighting in seen],
            request_id,
            bool(self._write.assigned_by_target),
        )
        for item, sighting in seen:
            self._just_read.add(item.row.seq)
            if sighting is not None and item.origin:
                self._origins[item.row.seq] = item.origin

    def removals_of(self, rows: Sequence[PlanRow]) -> list[Item]:
        """The requests that remove what these rows have brought into the target, the last first."""
        present = [row._replace(operation="remove") for row in rows if row.is_present and not row.is_unsure]
        return list(reversed(self._items(present)))

    def items_of(self, rows: Sequence[PlanRow], asks_first: bool = False, whole: bool = False) -> list[Item]:
        """The requests that these rows take. Rows that take none are settled, or set aside with the reason.

        ``asks_first``: every record is looked for before it is created, because the target would overwrite it. ``whole``:
        the rows are parts of documents, of which nothing is repeated.
        """
        requests: list[Item] = []
        while rows:
            steps: dict[Before, list[Item]] = {}
            for item in self._items(self._not_aside(rows)):
                step = before_sending(self._known(item, asks_first))
                steps.setdefault("in_doubt" if whole and step == "repeat" else step, []).append(item)
            requests += steps.get("send", [])
            requests += [replace(item, earlier=True) for item in steps.get("repeat", ())]
            self._set_aside([(i.row.seq, "in_doubt", i.row.until) for i in steps.get("in_doubt", ())])
            self._settle(steps.get("settle", ()), steps.get("confirm", ()))
            seen = self._read(steps.get("read", ())) + self._find(steps.get("find", ()))
            rows = self.rows(0, len(seen), seen) if seen else []
        return sorted(requests, key=lambda item: item.row.seq)

    def _not_aside(self, rows: Sequence[PlanRow]) -> list[PlanRow]:
        """Rows that may be sent as far as other rows are concerned."""
        taken = self._taken(rows)
        aside: list[Aside] = []
        for row in rows:
            if row.is_superseded:
                aside.append((row.seq, "superseded", "superseded"))
            elif row.missing:
                aside.append((row.seq, "waiting", row.missing))
            elif row.held_by_part:
                aside.append((row.seq, "waiting", "part_not_accepted"))
            elif row.seq in taken:
                aside.append((row.seq, "held", "key_taken"))
        self._set_aside(aside)
        gone = {seq for seq, _, _ in aside}
        return [row for row in rows if row.seq not in gone]

    def _taken(self, rows: Sequence[PlanRow]) -> set[int]:
        """Rows whose key was another record's when they were planned and still is."""
        unpinned = [row.seq for row in rows if self._write.creates and not row.is_pinned]
        if not unpinned:
            return set()
        assignment = self._assignment
        return identities.pin_freed(
            self._connection, assignment.run_id, assignment.env_id, self._write.entity, unpinned
        )

    def _set_aside(self, aside: Sequence[Aside]) -> None:
        plan_rows.set_aside(self._connection, self._assignment.run_id, aside)
        for _, state, _ in aside:
            self.counts.count(state)

    def _items(self, rows: Sequence[PlanRow]) -> list[Item]:
        wanted = {row.seq: self._references(row) for row in rows}
        known = identities.resolve(
            self._connection, self._assignment.env_id, set().union(*wanted.values()) if wanted else set()
        )
        items = []
        aside: list[Aside] = []
        for row in rows:
            unknown = sorted(str(ref) for ref in wanted[row.seq] - known.keys() if not ref.optional)
            if unknown:
                aside.append((row.seq, "waiting", unknown[0]))
            else:
                items.append(self._item(row, known))
        self._set_aside(aside)
        return items

    def _references(self, row: PlanRow) -> set[identities.Reference]:
        own = self._own(row)
        return references.wanted(row.body, row.target_key, own) | references.wanted(row.changes, "{}")

    def _own(self, row: PlanRow) -> Mapping[str, object] | None:
        """What the target has answered about a record, unless it is to be created anew."""
        if self._write.assigned_by_target and self._kind(row) == "create":
            return None
        return row.answer

    def _kind(self, row: PlanRow) -> Kind:
        if row.operation == "remove":
            return "remove"
        if row.operation == "deactivate":
            return "deactivate"
        return "create" if self._write.creates and not row.is_present else "update"

    def _item(self, row: PlanRow, known: references.Known) -> Item:
        key = references.resolve_key(row.target_key, known, self._own(row))
        kind = self._kind(row)
        creating = kind == "create"
        target: str | references.Key = key
        if self._write.id:
            named = row.target_id or key.get(self._write.id)
            target = str(named or references.new_id(self._assignment.env_id, self._write.entity, key))
        key_text = references.key_text(row.target_key, key)
        body_key = key_text if creating and self._write.id is None else None
        resolved = references.body_text(row.body, known, True, None)
        return Item(
            row=row,
            target=target,
            target_text=key_text if target is key else json.dumps(target),
            body=references.body_text(
                row.body if creating else self._changes(row), known, creating, body_key
            ),
            kind=kind,
            key=key,
            own_key=all(name in key for name in self._write.key) or bool(self._write.id),
            resolved=resolved if resolved != row.body else None,
            origin=self._origins.get(row.seq, ""),
        )

    def _changes(self, row: PlanRow) -> str:
        """What differs from the belief, cleared fields as the target clears them, without what nobody may overwrite."""
        guards = row.guards if row.seq in self._just_read else {}
        if not guards and ": null" not in row.changes:
            return row.changes
        changes = json.loads(row.changes, parse_float=Decimal)
        for name, value in changes.items():
            if value is None:
                changes[name] = self._client.emptied(self._write.entity, name, row.belief.get(name))
        for name, over in guards.items():
            theirs = row.belief.get(name)
            if name in changes and theirs not in over and theirs != row.guarded.get(name):
                del changes[name]
        return references.json_text(changes)

    def _known(self, item: Item, asks_first: bool) -> Known:
        row = item.row
        changes = item.body != "{}"
        wants = {
            "create": True,
            "update": changes,
            "deactivate": changes and (row.is_present or not self._write.creates),
            "remove": row.is_present,
        }[item.kind]
        guarded = item.kind not in ("create", "remove") and bool(
            row.guards.keys() & json.loads(row.changes).keys()
        )
        return Known(
            kind=item.kind,
            wants=wants,
            own_key=item.own_key,
            unsure=row.is_unsure,
            over=row.is_over,
            answered=row.is_answered or (row.is_unsure and row.doubt is None),
            lost_create=(row.doubt or {}).get("kind") == "create",
            identical=item.is_request_of(row.doubt),
            asks_first=asks_first or bool(self._write.id) or not item.own_key,
            must_read=bool(row.recheck) or (guarded and row.seq not in self._just_read),
            not_found=row.seq in self._not_found,
        )

    def _settle(self, items: Sequence[Item], answered: Sequence[Item]) -> None:
        """Rows that take no request: the target has them so, or has accepted them and may still execute an earlier try."""
        outcomes = []
        for item in items:
            outcome = {"ours": "created"}.get(item.origin, "unchanged")
            if item.kind == "deactivate" and item.origin == "ours":
                outcome = "unchanged"
            outcomes.append(item.settled("accepted", outcome, adopted=item.origin == "adopted"))
        ledger.record(
            self._connection,
            self._lease,
            self._assignment.run_id,
            self._assignment.mapping_version,
            self._write.entity,
            outcomes,
        )
        self.counts.add(outcomes)
        plan_rows.set_confirming(
            self._connection, self._assignment.run_id, [(i.row.seq, i.row.until) for i in answered]
        )
        for _ in answered:
            self.counts.count("unchanged")

    def _read(self, items: Sequence[Item]) -> list[int]:
        """Read records of which something is unsure, and believe what is read; returns their plan rows."""
        if not items:
            return []
        found = self._look_ups.find(items)
        seen = []
        for item in items:
            sighting = found.get(item.row.seq)
            if sighting is not None and sighting.owner is not None:
                sighting = None  # what has our key belongs to another record
            ours = (item.row.doubt or {}).get("kind") == "create" and sighting is not None
            seen.append((replace(item, origin="ours") if ours else item, sighting))
        self.believe(seen)
        return [item.row.seq for item in items]

    def _find(self, items: Sequence[Item]) -> list[int]:
        """Look for records before they are created; one that exists is adopted, or was created by a request of ours."""
        if not items:
            return []
        found = self._look_ups.find(items)
        seen = []
        aside: list[Aside] = []
        for item in items:
            sighting = found.get(item.row.seq)
            if sighting is None:
                self._not_found.add(item.row.seq)
            elif sighting.owner is not None:
                aside.append((item.row.seq, "held", "key_taken"))
            else:
                lost = (item.row.doubt or {}).get("kind") == "create"
                seen.append((replace(item, origin="ours" if lost else "adopted"), sighting))
        self._set_aside(aside)
        self.believe(seen)
        gone = {seq for seq, _, _ in aside}
        return [item.row.seq for item in items if item.row.seq not in gone]
