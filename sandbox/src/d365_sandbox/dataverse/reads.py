"""Reading sets, rows and collections of Sales."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from d365_sandbox.dataverse import cookie, errors
from d365_sandbox.dataverse.apply import Aggregator, aggregation_of
from d365_sandbox.dataverse.expand import Expander, context
from d365_sandbox.dataverse.fetch import Fetcher
from d365_sandbox.dataverse.query import Query, check_select, collection_query, row_query
from d365_sandbox.dataverse.related import Related
from d365_sandbox.dataverse.relationships import Relationship
from d365_sandbox.dataverse.rendering import TOTAL, TOTAL_EXCEEDED, Renderer, wanted_annotations
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.dataverse.stamps import etag
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.addresses import Address
from d365_sandbox.odata.filter_parser import FilterError
from d365_sandbox.odata.matching import Matcher, after
from d365_sandbox.odata.predicate import Dialect
from d365_sandbox.odata.preferences import page_size, read_preferences
from d365_sandbox.odata.surroundings import located
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply

LARGEST_PAGE = 5000
LARGEST_COUNT = 5000
PREFIX = "Microsoft.Dynamics.CRM."
DIALECT = Dialect(PREFIX, text_functions=True, query_functions=True)


class Reader:
    """Answers GET requests on one organisation's rows."""

    def __init__(self, finder: RowFinder, related: Related) -> None:
        self._finder = finder
        self._related = related
        self.matcher = Matcher(DIALECT, related)
        self._fetcher = Fetcher(finder.entities, finder.store, related, DIALECT)

    def many(self, call: Call, entity: Entity) -> Reply:
        """A page of a set. The default order is that of the primary key as text (assumed)."""
        query = collection_query(call.query)
        if query.apply:
            return self._aggregated(call, entity, query)
        if query.fetch:
            return self._fetched(call, entity, query)
        return self._page(call, entity, query, self._rows(entity, query), entity.set_name)

    def collection(self, call: Call, relationship: Relationship, owner: Row) -> Reply:
        """A page of the rows that refer to a row."""
        query = collection_query(call.query)
        entity = relationship.referencing
        path = f"{relationship.referenced.set_name}({owner.key})/{relationship.name}"
        return self._page(call, entity, query, self._among(relationship, owner, query), path)

    def count(self, call: Call, entity: Entity) -> Reply:
        """`/$count`: the number of rows as text, at most 5000."""
        return _count(self._rows(entity, collection_query(call.query)))

    def collection_count(self, call: Call, relationship: Relationship, owner: Row) -> Reply:
        return _count(self._among(relationship, owner, collection_query(call.query)))

    def one(self, call: Call, entity: Entity, address: Address) -> Reply:
        """One row, or 304 when the caller has its newest version."""
        return self.known(call, entity, self._finder.row(entity, address))

    def known(self, call: Call, entity: Entity, row: Row) -> Reply:
        """A row that was found already, as `one` shows it."""
        preferences = read_preferences(call.headers.get("prefer", ""))
        query = row_query(call.query)
        check_select(entity, query.select)
        if (
            call.headers.get("if-none-match") == etag(row.version)
            and entity.optimistic_concurrency
            and not wanted_annotations(preferences)
            and not query.expansions
        ):
            return Reply(304, {"ETag": etag(row.version), "OData-Version": "4.0"})
        return self._row(call, entity, row, query, 200, preferences)

    def row(
        self,
        call: Call,
        entity: Entity,
        row: Row,
        select: list[str] | None,
        status: int,
        preferences: Mapping[str, str],
    ) -> Reply:
        """One row as the answer of a write or an action, which may ask for `$select` and `$expand`."""
        query = row_query(call.query)
        query.select = select
        return self._row(call, entity, row, query, status, preferences)

    def select_of(self, call: Call, entity: Entity) -> list[str] | None:
        """The checked `$select` of a write that asks for its row back."""
        select = row_query(call.query).select
        check_select(entity, select)
        return select

    def _row(
        self, call: Call, entity: Entity, row: Row, query: Query, status: int, preferences: Mapping[str, str]
    ) -> Reply:
        asked = wanted_annotations(preferences)
        size, _ = page_size(dict(preferences), LARGEST_PAGE)
        shown = self._shown(call, entity, query, asked, size, [row])[0]
        answer = {"@odata.context": f"{self._context(call, entity, query)}/$entity", **shown}
        reply = _json(answer, _applied("", asked, preferences))
        reply.status = status
        reply.headers["ETag"] = etag(row.version)
        return reply

    def _aggregated(self, call: Call, entity: Entity, query: Query) -> Reply:
        wanted = aggregation_of(query)
        rows = self._finder.store.tables[entity.set_name].rows()
        found = Aggregator(entity, self.matcher, self._related).rows(wanted, query, rows)
        shown = ",".join([*wanted.columns, *(a.alias for a in wanted.aggregates)])
        context = f"{call.base}$metadata#{entity.set_name}({shown})"
        return _json({"@odata.context": context, "value": found}, "")

    def _fetched(self, call: Call, entity: Entity, query: Query) -> Reply:
        preferences = read_preferences(call.headers.get("prefer", ""))
        asked = wanted_annotations(preferences)
        found = self._fetcher.page(entity, query.fetch, asked)
        context = f"{call.base}$metadata#{entity.set_name}"
        return _json({"@odata.context": context, **found}, _applied("", asked, preferences))

    def _rows(self, entity: Entity, query: Query) -> list[Row]:
        try:
            table = self._finder.store.tables[entity.set_name]
            return self.matcher.rows(table, query.filter, query.order, query.aliases)
        except FilterError as error:
            raise errors.bad_query(str(error)) from None

    def _among(self, relationship: Relationship, owner: Row, query: Query) -> list[Row]:
        rows = self._related.rows(relationship, str(owner.key))
        try:
            entity = relationship.referencing
            return self.matcher.among(entity, rows, query.filter, query.order, query.aliases)
        except FilterError as error:
            raise errors.bad_query(str(error)) from None

    def _page(self, call: Call, entity: Entity, query: Query, rows: list[Row], path: str) -> Reply:
        preferences = read_preferences(call.headers.get("prefer", ""))
        if "odata.track-changes" in preferences:
            raise errors.not_simulated("Change tracking")
        asked = wanted_annotations(preferences)
        size, applied = page_size(preferences, LARGEST_PAGE)
        check_select(entity, query.select)
        page_number, start = self._start(entity, query, rows)
        limited = query.top is not None and not applied
        page = rows[start : start + (min(query.top or 0, LARGEST_PAGE) if limited else size)]
        answer: dict[str, Any] = {"@odata.context": self._context(call, entity, query)}
        if query.count:
            answer.update(_totals(len(rows), asked))
        answer["value"] = self._shown(call, entity, query, asked, size, page)
        if not limited and start + len(page) < len(rows):
            answer["@odata.nextLink"] = self._next_link(call, entity, query, path, page_number + 1, page[-1])
        return _json(answer, _applied(applied, asked, preferences))

    def _shown(
        self, call: Call, entity: Entity, query: Query, asked: frozenset[str], size: int, rows: list[Row]
    ) -> list[dict[str, Any]]:
        def renderer(entity: Entity, select: list[str] | None) -> Renderer:
            return Renderer(entity, self._finder.entities, self._finder.store, select, asked)

        found: list[dict[str, Any]] = renderer(entity, query.select).render(rows)
        if query.expansions:
            expander = Expander(self._related, self.matcher, renderer, call.base, size)
            fills = expander.fills(entity, query.expansions)
            for row, shown in zip(rows, found, strict=True):
                for fill in fills:
                    fill(row, shown)
        return found

    def _context(self, call: Call, entity: Entity, query: Query) -> str:
        return f"{call.base}$metadata#{entity.set_name}{context(query.select, query.expansions)}"

    def _next_link(self, call: Call, entity: Entity, query: Query, path: str, page: int, last: Row) -> str:
        values = [read(last.fields) for read in self.matcher.readers(entity, query.order)]
        token = cookie.bake(entity, query.order, page, values, str(last.key))
        return f"{call.base}{path}?{query.options.rewritten({'$skiptoken': token})}"

    def _start(self, entity: Entity, query: Query, rows: list[Row]) -> tuple[int, int]:
        """The page's number and its first position: after the row that the skip token names (keyset paging)."""
        token = query.options.values.get("$skiptoken")
        if token is None:
            return 1, 0
        order = query.order
        kinds = [located(entity, name, self._related, PREFIX)[0].kind for name, _ in order]
        try:
            page, values, row_id = cookie.read(entity, kinds, order, token)
        except cookie.CookieError as error:
            raise errors.bad_query(str(error)) from None
        if not order:
            return page, bisect_right(rows, row_id, key=lambda row: row.key)  # type: ignore[arg-type, return-value]
        place, readers = after(order), self.matcher.readers(entity, order)
        return page, bisect_right(
            rows, place((values, row_id)), key=lambda row: place(([r(row.fields) for r in readers], row.key))
        )


def _totals(total: int, asked: frozenset[str]) -> dict[str, Any]:
    counted = min(total, LARGEST_COUNT)
    found: dict[str, Any] = {"@odata.count": counted}
    if TOTAL in asked:
        found[f"@{TOTAL}"] = counted
    if TOTAL_EXCEEDED in asked:
        found[f"@{TOTAL_EXCEEDED}"] = total > LARGEST_COUNT
    return found


def _count(rows: list[Row]) -> Reply:
    text = str(min(len(rows), LARGEST_COUNT))
    return Reply(
        200, {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"}, text.encode("utf-8")
    )


def _applied(pages: str, asked: frozenset[str], preferences: Mapping[str, str]) -> str:
    parts = [pages] if pages else []
    if asked:
        parts.append(f'odata.include-annotations="{preferences["odata.include-annotations"]}"')
    if preferences.get("return") == "representation":
        parts.append("return=representation")
    return ",".join(parts)


def _json(answer: object, applied: str) -> Reply:
    headers = {"Content-Type": errors.JSON, "OData-Version": "4.0"}
    if applied:
        headers["Preference-Applied"] = applied
    return Reply(200, headers, dumps(answer))
