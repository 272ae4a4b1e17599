"""Three kinds of targets over HTTP, planned and delivered without dbt, with faults, deaths and time under control.

``quotes`` have a key of ours (F&O, POST and PATCH), ``people`` get theirs from the target, ``cards`` are addressed by GUID
(Sales). A source record is a name with the fields that outbound would have; several workers may plan and deliver.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from d365_sandbox import Sandbox, System
from prospect_to_cash.clients import Credentials, DataverseClient, FinOpsClient, RetryPolicy
from prospect_to_cash.database.connections import connect
from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import FlowCard, Write
from prospect_to_cash.load.document_delivery import deliver_documents
from prospect_to_cash.load.items import Assignment
from prospect_to_cash.load.lease import Lease, Terms
from prospect_to_cash.load.package_delivery import deliver
from prospect_to_cash.plan import frozen_plan, runs
from prospect_to_cash.plan.frozen_plan import PlanContext
from prospect_to_cash.plan.runs import Params
from prospect_to_cash.report.outcomes import report_of
from tests.cards import card
from tests.plan.conftest import ENVELOPE, ENVIRONMENTS, Flow

QUOTES = Write(
    name="quotes",
    system="finops",
    entity="CDSSalesQuotationHeaders",
    key=("dataAreaId", "SalesQuotationNumber"),
    batch_size=5,
)
PEOPLE = Write(
    name="people",
    system="finops",
    entity="CDSContactPersons",
    key=("dataAreaId", "ContactPersonPartyNumber", "AssociatedPartyNumber"),
    assigned_by_target=("ContactPersonPartyNumber",),
    match_on=("FirstName", "LastName"),
    match_where={"IsContactPersonExternallyMaintained": "Yes"},
    absent_parts={"IsInactive": "Yes"},
    read_back=("ContactPersonPartyNumber",),
    batch_size=5,
)
CARDS = Write(
    name="cards", system="sales", entity="accounts", key=("accountnumber",), id="accountid", batch_size=5
)
OFFERS = Write(
    name="offers",
    system="finops",
    entity="CDSSalesQuotationHeaders",
    key=("dataAreaId", "SalesQuotationNumber"),
)
OFFER_LINES = Write(
    name="offer_lines",
    system="finops",
    entity="CDSSalesQuotationLines",
    key=("dataAreaId", "SalesQuotationNumber", "LineCreationSequenceNumber"),
    absent_parts="delete",
)


def card_of(*writes: Write) -> FlowCard:
    """A card with some of the writes."""
    documents = {"writes": ("offers", "offer_lines"), "parts": 4}
    return card(
        name="things",
        writes=writes,
        documents=(documents,) if any(write.name == "offers" for write in writes) else (),
        safety_limit={"floor": 10_000, "removed_floor": 10_000},
    )


CARD = card_of(QUOTES, PEOPLE, CARDS, OFFERS, OFFER_LINES)
KINDS = ("quotes", "people", "cards")
PARAMS = Params(retry_rejected=True)
# What the two fields f and g of a source record are called in each target.
FIELDS = {
    "quotes": ("SalesQuotationName", "Email"),
    "people": ("LastName", "PrimaryEmailAddress"),
    "cards": ("name", "fax"),
    "offers": ("SalesQuotationName", "Email"),
}
# The property of the target that has a source record's key, or for people its name.
NAMES = {
    "quotes": "SalesQuotationNumber",
    "people": "FirstName",
    "cards": "accountnumber",
    "offers": "SalesQuotationNumber",
}
NO_PRODUCT = -1
"""The quantity of a line that the target refuses, because its product does not exist."""
Version = tuple[str, str, tuple[tuple[int, int], ...]] | None
"""An offer as a whole: its name, e-mail and lines; None when it is not there."""
_numbers = itertools.count(1)


@dataclass
class Source:
    """One source record: which target it goes to, its fields f and g, and whether it is there.

    ``owns_g``: the mapping has g. ``lines`` of an offer: line number -> quantity. ``versions`` are all that an offer has
    ever been.
    """

    kind: str
    name: str
    f: str = "A"
    g: str | None = None
    is_there: bool = True
    owns_g: bool = True
    number: str = ""
    lines: dict[int, int] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The number that it is to have in the target."""
        return self.number or self.name


@dataclass
class Workshop:
    """Source records, the runs over them, and the two systems."""

    url: str
    sandbox: Sandbox
    flow: Flow
    party: str
    customer: str
    sources: dict[str, Source] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    card: FlowCard = CARD

    def __post_init__(self) -> None:
        self.prefix = f"W{next(_numbers):05}"
        self._runs = 0

    # Source records ---------------------------------------------------------------------------------------------------

    def add(
        self,
        kind: str,
        f: str = "A",
        g: str | None = None,
        lines: dict[int, int] | None = None,
        number: str = "",
    ) -> Source:
        name = f"{'D' if kind == 'offers' else ''}{self.prefix}-{len(self.sources) + 1}"
        source = self.sources[name] = Source(kind, name, f, g, number=number, lines=lines or {})
        self.say(source)
        return source

    def edit(self, source: Source, **values: Any) -> None:
        for name, value in values.items():
            setattr(source, name, value)
        self.say(source)

    def say(self, source: Source) -> None:
        """Write the outbound row of a source record, as a build would."""
        table = f"outbound.outbound_{'sales' if source.kind == 'cards' else 'finops'}__{source.kind}"
        operation = "upsert"
        body: dict[str, object] = self.body(source)
        if not source.is_there:
            operation = {"people": "absent", "cards": "deactivate"}.get(source.kind, "remove")
            body = {"statecode": 1, "statuscode": 2} if source.kind == "cards" else {}
        if source.kind == "offers":
            source.versions.append(self.version(source))
            self._say_lines(source)
        key = self.key(source) if operation != "absent" else {}
        row_key = source.name if operation == "absent" else self.row_key(source)
        self.flow.sql(f"delete from {table} where document = %s", (source.name,))
        text = json.dumps(body, sort_keys=True)
        self.flow.sql(
            f"insert into {table} values (%s, %s, %s, %s, %s, md5(%s), '{{}}', %s, 1, %s, null, null)",
            (
                row_key, source.name, "usmf" if source.kind != "cards" else "", json.dumps(key), text, text,
                source.name, operation,
            ),
        )  # fmt: skip
        self.flow.sql(
            "insert into canonical.canonical_things select %s where not exists "
            "(select 1 from canonical.canonical_things where source_key = %s)",
            (source.name, source.name),
        )
        self.flow.build()

    def _say_lines(self, source: Source) -> None:
        table = "outbound.outbound_finops__offer_lines"
        self.flow.sql(f"delete from {table} where document = %s", (source.name,))
        for number, quantity in source.lines.items() if source.is_there else ():
            body = {
                "ProductNumber": "P1" if quantity != NO_PRODUCT else "NONE",
                "RequestedSalesQuantity": max(quantity, 1), "SalesUnitSymbol": "ea", "ShippingSiteId": "1",
                "ShippingWarehouseId": "13",
            }  # fmt: skip
            key = {**self.key(source), "LineCreationSequenceNumber": number}
            text = json.dumps(body, sort_keys=True)
            self.flow.sql(
                f"insert into {table} values (%s, %s, 'usmf', %s, %s, md5(%s), %s, %s, 2, 'upsert', null, null)",
                (
                    f"{source.name}/{number}", f"{source.name} line {number}", json.dumps(key), text, text,
                    [f"offers:{source.name}"], source.name,
                ),
            )  # fmt: skip

    def version(self, source: Source) -> Version:
        if not source.is_there:
            return None
        return f"{source.name} {source.f}", source.g or "", tuple(sorted(source.lines.items()))

    def row_key(self, source: Source) -> str:
        return f"{source.name}/1" if source.kind == "people" else source.name

    def body(self, source: Source) -> dict[str, object]:
        first, second = FIELDS[source.kind]
        body: dict[str, object] = {first: f"{source.name} {source.f}"}
        if source.owns_g:
            body[second] = source.g
        if source.kind in ("quotes", "offers"):
            body |= {
                "RequestingCustomerAccountNumber": self.customer,
                "CurrencyCode": "USD",
                "RequestedShippingDate": "2027-01-01T12:00:00Z",
            }
        if source.kind == "people":
            body |= {
                "FirstName": source.name,
                "IsContactPersonExternallyMaintained": "Yes",
                "IsInactive": "No",
            }
        if source.kind == "cards":
            body |= {"accountnumber": source.name, "statecode": 0, "statuscode": 1}
        return body

    def key(self, source: Source) -> dict[str, object]:
        if source.kind in ("quotes", "offers"):
            return {"dataAreaId": "usmf", "SalesQuotationNumber": source.key}
        if source.kind == "people":
            return {
                "dataAreaId": "usmf",
                "ContactPersonPartyNumber": f"@?{{CDSContactPersons.ContactPersonPartyNumber:{source.name}/*}}",
                "AssociatedPartyNumber": self.party,
            }
        return {"accountnumber": source.name}

    # Runs -------------------------------------------------------------------------------------------------------------

    def plan(self, run: str | None = None) -> int:
        """Plan a run; with ``run``, that one again, as after clearing it."""
        self._runs += 1
        number = runs.open_run(
            self.flow.connection, "things", run or f"{self.prefix} {self._runs}", "manual", PARAMS
        )
        frozen_plan.freeze(self.flow.connection, PlanContext(number, self.card, ENVIRONMENTS, "m1", PARAMS))
        return number

    def load(self, run: int, dies: bool = False) -> dict[str, int]:
        """Deliver a plan; ``dies``: the worker is killed after its first request, before it records any answer."""
        counts: dict[str, int] = {}
        for writes in self.card.load_tasks.values():
            with connect(self.url, "p2c_loader", "test") as store:
                if dies:
                    with store, store.cursor() as cursor:
                        cursor.execute("set test.dies = 'yes'")
                with suppress(P2CError, psycopg2.errors.RaiseException):
                    for name, n in self._deliver(store, run, writes).items():
                        counts[name] = counts.get(name, 0) + n
        report_of(self.flow.connection, run, {}, self.card.writes).check()
        return counts

    def _deliver(self, store: Any, run: int, writes: tuple[Write, ...]) -> dict[str, int]:
        system = writes[0].system
        assignments = [
            Assignment(run, write, ENVIRONMENTS[system], tuple(ENVIRONMENTS.values()), "m1")
            for write in writes
        ]
        leases = {}
        for scope in sorted({assignment.scope for assignment in assignments}):
            lease = leases[scope] = Lease(store, scope, f"run {run}", Terms(deadline=5, settle=0))
            self.flow.sql("update sync.lease set released = true where scope = %s", (scope,))
            lease.acquire(5)
        with self.client(system) as client:
            if len(writes) > 1:
                delivered = deliver_documents(store, client, assignments, leases).counts
            else:
                delivered = deliver(store, client, assignments[0], leases[assignments[0].scope]).counts
        for lease in leases.values():
            lease.release()
        return delivered

    def client(self, system: str) -> DataverseClient | FinOpsClient:
        served = self.sandbox.card
        url = served[f"{system}_url"]
        credentials = Credentials(served["tenant_id"], "sandbox", "sandbox-secret", authority=url)
        retry = RetryPolicy(attempts=2, backoff=0.01)
        if system == "sales":
            return DataverseClient(url, credentials, 5, retry)
        return FinOpsClient(url, credentials, (), 5, retry)

    def report(self, run: int) -> dict[str, Any]:
        return dict(report_of(self.flow.connection, run, {}, self.card.writes).values)

    def load_and_lose_the_lease(self, run: int) -> None:
        """Deliver a plan while, between each request and its recording, another worker takes the lease over."""
        with self.flow.connection, self.flow.connection.cursor() as cursor:
            cursor.execute(
                """
                create or replace function sync.overtake() returns trigger security definer language plpgsql as $$
                begin update sync.lease set epoch = epoch + 1; return new; end $$;
                create trigger overtake after insert or update of doubt on sync.ledger for each statement
                execute function sync.overtake()
                """
            )
        try:
            self.load(run)
        finally:
            self.flow.sql("drop trigger overtake on sync.ledger")

    def run(self, dies: bool = False) -> dict[str, int]:
        return self.load(self.plan(), dies)

    # The world outside ------------------------------------------------------------------------------------------------

    def systems(self) -> tuple[System, System]:
        return self.sandbox.sales, self.sandbox.finops

    def fault(
        self, effect: Mapping[str, object] | str, nth: int = 1, times: int = 1, methods: str = "write"
    ) -> None:
        """Disturb some requests of both systems, from the n-th on: those that write, or those that read."""
        method = ["GET"] if methods == "read" else ["POST", "PATCH", "DELETE"]
        for system in self.systems():
            match = {"method": method, "path": "^/(data|api)/", "after": nth - 1, "times": times}
            system.admin.set_faults({"match": match, "effect": effect})

    def peace(self) -> None:
        """No more faults."""
        for system in self.systems():
            system.admin.set_faults()

    def late_requests_run(self) -> None:
        """Every request that its service still holds is executed now."""
        for system in self.systems():
            system.admin.execute_late()

    def time_passes(self) -> None:
        """The horizon passes: what could still be executed has been."""
        self.late_requests_run()
        self.flow.sql(
            "update sync.ledger set over_at = over_at - interval '1 day', stray_until = stray_until - interval '1 day'"
        )

    def settle(self) -> int:
        """Peace, then runs until nothing is planned; returns how many it took. Fails when it does not come to rest."""
        self.peace()
        for n in range(1, 7):
            self.time_passes()
            run = self.plan()
            planned = {
                document
                for (document,) in self.flow.sql(
                    "select distinct document from sync.plan where run_id = %s and state = 'planned'", (run,)
                )
            }
            refused = {name for name, source in self.sources.items() if NO_PRODUCT in source.lines.values()}
            if not planned or (n > 2 and planned <= refused):
                return n
            self.load(run)
        raise AssertionError(f"still something planned: {self.flow.planned(run)}")

    # What is true -----------------------------------------------------------------------------------------------------

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """The target's records of this workshop."""
        if kind == "cards":
            return self.sandbox.sales.rows(
                f"accounts?$select=accountid,accountnumber,name,fax,statecode&$filter=startswith(accountnumber,'{self.prefix}')"
            )
        if kind == "quotes":
            rows = self.sandbox.finops.rows("CDSSalesQuotationHeaders?cross-company=true")
            return [row for row in rows if row["SalesQuotationNumber"].startswith(self.prefix)]
        if kind == "offers":
            rows = self.sandbox.finops.rows("CDSSalesQuotationHeaders?cross-company=true")
            return [row for row in rows if row["SalesQuotationNumber"].startswith(f"D{self.prefix}")]
        rows = self.sandbox.finops.rows("CDSContactPersons?cross-company=true")
        return [row for row in rows if row["FirstName"].startswith(self.prefix)]

    def found(self, source: Source) -> list[dict[str, Any]]:
        """The target's records that are, or count as, this source record's."""
        return [row for row in self.rows(source.kind) if row[NAMES[source.kind]] == source.key]

    def change(
        self, source: Source, row: Mapping[str, Any], method: str, body: dict[str, object] | None = None
    ) -> None:
        """PATCH or DELETE a record of the target, as people there would."""
        if source.kind == "cards":
            answer = self.sandbox.sales.send(method, f"accounts({row['accountid']})", body)
        else:
            write = PEOPLE if source.kind == "people" else QUOTES
            key = ",".join(f"{name}='{row[name]}'" for name in write.key)
            answer = self.sandbox.finops.send(method, f"{write.entity}({key})?cross-company=true", body)
        assert answer.ok, answer.text

    def sentences(self) -> list[str]:
        """What the target said when it refused something."""
        return [f"{w} {k}: {s}" for w, k, s in self.flow.sql(
            "select write, source_key, sentence from sync.ledger where sentence is not null")]  # fmt: skip

    def differences(self) -> list[str]:
        """What is not as the source has it: missing, doubled, different, or there although it is gone; or was sent blindly."""
        found = []
        for kind in (write.name for write in self.card.writes if write.name in KINDS):
            rows: dict[str, list[dict[str, Any]]] = {}
            for row in self.rows(kind):
                rows.setdefault(row[NAMES[kind]], []).append(row)
            for source in self._expected(kind):
                found += self._compare(source, rows.pop(source.key, []))
            found += [f"{kind} {name}: nobody's" for name in rows if name not in self.held]
        found += self._torn_offers()
        found += [
            f"{key}: {sent} left after {earlier}"
            for key, earlier, sent in self.flow.sql("select * from sync.blind")
        ]
        return found + (self.sentences() if found else [])

    def _expected(self, kind: str) -> list[Source]:
        """The source records that the target is to have, and those that it is not to have under keys that are free."""
        sources = [s for s in self.sources.values() if s.kind == kind and s.name not in self.held]
        taken = {source.key for source in sources if source.is_there}
        return [source for source in sources if source.is_there or source.key not in taken]

    def offer(self, source: Source) -> Version:
        """An offer as the target has it."""
        number = source.key
        headers = [row for row in self.rows("offers") if row["SalesQuotationNumber"] == number]
        lines = self.sandbox.finops.rows("CDSSalesQuotationLines?cross-company=true")
        own = {
            row["LineCreationSequenceNumber"]: int(row["RequestedSalesQuantity"])
            for row in lines
            if row["SalesQuotationNumber"] == number
        }
        if not headers:
            return None if not own else ("no header", "", tuple(sorted(own.items())))
        return headers[0]["SalesQuotationName"], headers[0]["Email"] or "", tuple(sorted(own.items()))

    def _torn_offers(self) -> list[str]:
        """Offers that are not as the source has them now, or for one that is refused, as it was at some time, or absent."""
        found = []
        for source in self._expected("offers"):
            is_refused = source.is_there and NO_PRODUCT in source.lines.values()
            wanted = [None, *source.versions] if is_refused else [self.version(source)]
            theirs = self.offer(source)
            if theirs not in wanted:
                found.append(f"offer {source.name} is {theirs}, not one of {wanted}")
        return found

    def _compare(self, source: Source, rows: list[dict[str, Any]]) -> list[str]:
        what = f"{source.kind} {source.name}"
        if source.kind == "people":
            rows = [row for row in rows if row["IsInactive"] == "No"]
        if source.kind == "cards":
            rows = [row for row in rows if row["statecode"] == 0]
        if not source.is_there:
            return [f"{what}: still there"] if rows else []
        if len(rows) != 1:
            return [f"{what}: there {len(rows)} times"]
        first, second = FIELDS[source.kind]
        wanted = {first: f"{source.name} {source.f}"}
        if source.owns_g:
            wanted[second] = source.g or ""
        return [
            f"{what}: {name} is {rows[0].get(name)!r}, not {value!r}"
            for name, value in wanted.items()
            if (rows[0].get(name) or "") != value
        ]


TABLES = f"""
set local role p2c_dbt;
create table canonical.canonical_things (source_key text);
create table validation.violations_things (
    source_key text, record text, company text, broken_rule text, effect text, field text, value text);
create table outbound.outbound_finops__quotes ({ENVELOPE});
create table outbound.outbound_finops__people ({ENVELOPE});
create table outbound.outbound_sales__cards ({ENVELOPE});
create table outbound.outbound_finops__offers ({ENVELOPE});
create table outbound.outbound_finops__offer_lines ({ENVELOPE});
"""
# A worker dies where it would write down its first answers; `set test.dies` in its session says so.
DEATH = """
create function sync.die() returns trigger language plpgsql as $$
begin
    if current_setting('test.dies', true) = 'yes' then raise exception 'the worker was killed'; end if;
    return new;
end $$;
create trigger death before insert on sync.attempt for each row execute function sync.die();
"""
# Notes each request that left although an earlier, other one of its record could still be executed, or that is of an older
# build than the last one.
BLIND = """
create table sync.blind (source_key text, open jsonb, sent jsonb);
create function sync.note_blind() returns trigger security definer language plpgsql as $$
begin
    insert into sync.blind values (
        new.source_key, coalesce(old.doubt, '{}') || jsonb_build_object('build', old.build, 'stray', old.stray_until),
        new.doubt || jsonb_build_object('build', new.build)
    );
    return new;
end $$;
create trigger blind after update of doubt on sync.ledger for each row
when (
    new.doubt is not null and (
        new.build < old.build
        or new.doubt is distinct from old.doubt
        and (old.doubt is not null and old.over_at > clock_timestamp() or old.stray_until > clock_timestamp())
    )
)
execute function sync.note_blind();
grant all on sync.blind to public;
"""
EMPTY = """
truncate canonical.canonical_things, validation.violations_things, outbound.outbound_finops__quotes,
    outbound.outbound_finops__people, outbound.outbound_sales__cards, outbound.outbound_finops__offers,
    outbound.outbound_finops__offer_lines,
    sync.ledger, sync.identity, sync.run, sync.attempt, sync.builds, sync.stray,
    sync.reconcile, sync.finding, sync.blind cascade
"""
