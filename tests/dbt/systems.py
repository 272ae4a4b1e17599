"""Both systems in memory, and the clients that write to them.

Users change records (``land``, ``change``, ``vanish``); flows read what is unread and write through ``Client``, which
rejects what the real systems reject: existing keys, missing records, references to nothing.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prospect_to_cash.clients.http.retry import RetryPolicy
from prospect_to_cash.clients.http.throttle import ThrottleClock
from prospect_to_cash.clients.odata.metadata import SetDescription
from prospect_to_cash.clients.odata.operations import Answer, Operation, SetAnswer
from prospect_to_cash.load.items import folded
from tests.dbt.warehouse import Warehouse

Row = dict[str, object]
Place = tuple[str, str]
BIND = "@odata.bind"


class Systems(Warehouse):
    """Records of both systems, with the builders of ``Warehouse``.

    ``rows`` are all records, ``users`` those that users entered, as they entered them.
    """

    def __init__(self, reads: Mapping[Place, object]) -> None:
        self.reads = reads
        self.rows: dict[Place, dict[str, Row]] = {place: {} for place in reads}
        self.users: dict[Place, dict[str, Row]] = {place: {} for place in reads}
        self.unread: dict[Place, dict[str, int | None]] = {place: {} for place in reads}
        self.absent: dict[Place, dict[str, int]] = {place: {} for place in reads}
        self.lane: int | None = None
        self.versions = 0
        self.refused: list[str] = []
        self.written = 0

    def land(self, system: str, entity: str, *rows: Row) -> list[str]:
        """Users enter these records, or enter them again."""
        keys = []
        for row in rows:
            key = self.key(self.reads[system, entity], row)
            before = self.users[system, entity].get(key, {})
            self.users[system, entity][key] = dict(row)
            self.put((system, entity), key, dict.fromkeys(before) | row)
            keys.append(key)
        return keys

    def change(self, system: str, entity: str, key: str, **fields: object) -> None:
        """Users change fields of an existing record."""
        self.users[system, entity][key].update(fields)
        self.put((system, entity), key, fields)

    def vanish(self, system: str, entity: str, key: str, absent_reads: int = 1) -> None:
        """Users delete a record; it is absent from ``absent_reads`` complete reads."""
        self.rows[system, entity].pop(key, None)
        self.users[system, entity].pop(key, None)
        self.absent[system, entity][key] = absent_reads
        self.unread[system, entity][key] = self.lane

    def put(self, place: Place, key: str, fields: Row) -> Row:
        """Change a record, by a user or a flow: it gets a new version and becomes unread."""
        self.versions += 1
        row = self.rows[place].setdefault(key, {})
        row.update(fields)
        if place[0] == "sales":
            row["@odata.etag"] = f'W/"{self.versions}"'
        self.absent[place].pop(key, None)
        self.unread[place][key] = self.lane
        return row

    def take(self, place: Place, skipped: set[int]) -> tuple[list[Row], dict[str, int]]:
        """Take the unread records, and the keys of absent ones, except those of skipped lanes."""
        unread = self.unread[place]
        keys = [key for key, lane in unread.items() if lane not in skipped]
        for key in keys:
            del unread[key]
        rows = self.rows[place]
        absent = {key: self.absent[place][key] for key in keys if key in self.absent[place]}
        return [rows[key] for key in keys if key in rows], absent

    def as_entered(self) -> Systems:
        """Both systems with only the records that users entered, all unread."""
        fresh = Systems(self.reads)
        for (system, entity), rows in self.users.items():
            fresh.land(system, entity, *rows.values())
        return fresh

    def found(self, place: Place, **values: object) -> tuple[str, Row] | None:
        """The record with these values, in any case."""
        wanted = folded(values)
        for key, row in self.rows[place].items():
            if folded({name: row.get(name) for name in values}) == wanted:
                return key, row
        return None


class Client:
    """The client of one of the systems, for a delivery."""

    def __init__(self, systems: Systems, system: str) -> None:
        self.systems = systems
        self.system = system
        self.EMPTY = "" if system == "finops" else None
        self.clock = ThrottleClock(system)
        self.retry = RetryPolicy(attempts=1, backoff=0.0)
        self.host = system
        self._lock = threading.Lock()

    def emptied(self, entity: str, field: str, before: object) -> object:
        """As ``FinOpsClient.emptied``, for numbers and texts."""
        return 0 if self.system == "finops" and isinstance(before, int | float) else self.EMPTY

    def lookup(
        self, entity: str, keys: Sequence[Mapping[str, object]], select: Sequence[str]
    ) -> Iterator[bytes]:
        wanted = {folded(key) for key in keys}
        for row in self.systems.rows[self.system, entity].values():
            if folded({name: row.get(name) for name in keys[0]}) in wanted:
                yield encoded({name: row.get(name) for name in select})

    def write(
        self, operations: Sequence[Operation], _deadline: float, _bulk: bool, _until: float
    ) -> list[Answer]:
        with self._lock:
            return [self._answer(operation) for operation in operations]

    def write_sets(
        self, sets: Sequence[Sequence[Operation]], _deadline: float, _until: float
    ) -> list[SetAnswer]:
        """Each change set is kept as a whole or not at all."""
        with self._lock:
            return [self._answer_to_set(operations) for operations in sets]

    def _answer_to_set(self, operations: Sequence[Operation]) -> SetAnswer:
        before = copy.deepcopy((self.systems.rows, self.systems.unread, self.systems.absent))
        written, answers = self.systems.written, []
        for n, operation in enumerate(operations):
            answers.append(self._answer(operation))
            if answers[-1].kind != "done":
                self.systems.rows, self.systems.unread, self.systems.absent = before
                self.systems.written = written
                undone = Answer("not_run")
                return SetAnswer(
                    "refused", [answers[n] if n == m else undone for m in range(len(operations))], n
                )
        return SetAnswer("done", answers)

    def describe(self, entity_sets: Iterable[str]) -> dict[str, SetDescription]:
        return {name: SetDescription() for name in entity_sets}

    def _answer(self, operation: Operation) -> Answer:
        # Records that a flow writes belong to no lane, so every flow may read them.
        lane, self.systems.lane = self.systems.lane, None
        try:
            answer = self._sales(operation) if self.system == "sales" else self._finops(operation)
        finally:
            self.systems.lane = lane
        self.systems.written += answer.kind == "done"
        if answer.kind == "rejected":
            body = (operation.body or b"").decode()
            self.systems.refused.append(f"{operation.method} {operation.entity} {body}: {answer.sentence}")
        return answer

    def _sales(self, operation: Operation) -> Answer:
        place = ("sales", operation.entity)
        row = self.systems.rows[place].get(operation.key)
        if operation.if_match and row is None:
            return Answer("missing", 404)
        if operation.if_match not in (None, "*") and operation.if_match != row["@odata.etag"]:
            return Answer("stale", 412)
        fields: Row = {}
        for name, value in json.loads(operation.body).items():
            if name.endswith(BIND):
                entity, _, target = value.strip("/)").partition("(")
                if entity == "products" and target not in self.systems.rows["sales", "products"]:
                    return Answer("rejected", 404, sentence=f"product {target} does not exist.")
                fields[f"_{name.removesuffix(BIND)}_value"] = target
            else:
                fields[name] = value
        if row is None:
            new = {self.systems.reads[place].key[0]: operation.key}
            fields = new | ({"statecode": 2} if operation.entity == "products" else {}) | fields
        self.systems.put(place, operation.key, fields)
        return Answer("done", 204, created=row is None, entity_id=operation.key)

    def _finops(self, operation: Operation) -> Answer:
        place = ("finops", operation.entity)
        body = json.loads(operation.body) if operation.body else {}
        if operation.method == "POST":
            return self._create(place, body)
        found = self.systems.found(place, **operation.key)
        if found is None:
            return Answer("missing", 404)
        refusal = self._refusal(operation.entity, found[1] | body)
        if refusal:
            return Answer("rejected", 400, sentence=refusal)
        if operation.method == "DELETE":
            del self.systems.rows[place][found[0]]
            self.systems.absent[place][found[0]] = 1
            self.systems.unread[place][found[0]] = None
        else:
            self.systems.put(place, found[0], body)
        return Answer("done", 204)

    def _create(self, place: Place, body: Row) -> Answer:
        rows, number = self.systems.rows[place], f"{self.systems.versions:09}"
        keys = self.systems.reads[place].key
        if place[1] == "CustomersV3":
            body.setdefault("PartyNumber", f"P{number}")
        if place[1] == "CDSContactPersons":
            body.setdefault("ContactPersonPartyNumber", f"C{number}")
        if place[1] == "CDSSalesQuotationHeaders":
            body.setdefault("SalesQuotationStatus", "Created")
        if any(not body.get(name) for name in keys):
            return Answer("rejected", 400, sentence=f"Field '{keys}' must be filled in.")
        if self.systems.found(place, **{name: body[name] for name in keys}):
            return Answer("exists", 400)
        refusal = self._refusal(place[1], body)
        if refusal:
            return Answer("rejected", 400, sentence=refusal)
        key = self.systems.key(self.systems.reads[place], body)
        assert key not in rows
        row = self.systems.put(place, key, body)
        if place[1] == "CDSContactPersons":
            person = {"dataAreaId": body["dataAreaId"], "ContactPersonId": f"K{number}"}
            person |= {name: body[name] for name in ("ContactPersonPartyNumber", "AssociatedPartyNumber")}
            self.systems.put(
                ("finops", "ContactPersons"), json.dumps([body["dataAreaId"], f"K{number}"]), person
            )
        return Answer("done", 201, created=True, row=encoded(row))

    def _refusal(self, entity: str, row: Row) -> str:
        """The error of Finance and Operations for a record that refers to nothing or is closed."""
        company = {"dataAreaId": row["dataAreaId"]}
        find = self.systems.found
        if entity == "CDSContactPersons":
            party = row["AssociatedPartyNumber"]
            return "" if find(("finops", "CustomersV3"), PartyNumber=party) else f"no party {party}."
        if entity == "CustomersV3" and row.get("ContactPersonId"):
            contact = row["ContactPersonId"]
            known = find(("finops", "ContactPersons"), **company, ContactPersonId=contact)
            return "" if known else f"no contact {contact}."
        header = row
        if entity == "CDSSalesQuotationHeaders":
            customer = row["RequestingCustomerAccountNumber"]
            if not find(("finops", "CustomersV3"), **company, CustomerAccount=customer):
                return f"{customer} is no customer of the company."
        if entity == "CDSSalesQuotationLines":
            number = row["SalesQuotationNumber"]
            named = find(("finops", "CDSSalesQuotationHeaders"), **company, SalesQuotationNumber=number)
            if named is None:
                return f"no quotation {number}."
            header = named[1]
        status = header.get("SalesQuotationStatus", "Created")
        return "" if status == "Created" else f"The quotation is {status}."


def encoded(row: Mapping[str, object]) -> bytes:
    return json.dumps(row).encode()
