"""Reading sets, rows and single values of Sales."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from sandbox.description import Entity
from sandbox.odata_subset.addresses import Address
from sandbox.odata_subset.filter_parser import FilterError
from sandbox.odata_subset.json_text import dumps
from sandbox.odata_subset.matching import Matcher, Order, after
from sandbox.odata_subset.options import OptionError, Options, parse_options
from sandbox.odata_subset.predicate import Dialect
from sandbox.preferences import page_size, read_preferences
from sandbox.sales import cookie, errors
from sandbox.sales.rendering import TOTAL, TOTAL_EXCEEDED, Renderer, wanted_annotations
from sandbox.sales.rows import RowFinder
from sandbox.sales.stamps import etag
from sandbox.store.table import Row
from sandbox.web import Call, Reply

LARGEST_PAGE = 5000
LARGEST_COUNT = 5000
DIALECT = Dialect("Microsoft.Dynamics.CRM.", text_functions=True, query_functions=True)
_OPTIONS = {"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"}
_ELSEWHERE = {"$expand", "$apply", "fetchXml", "$deltatoken"}  # documented, not part of this sandbox


class Reader:
    """Answers GET requests on one organisation's rows."""

    def __init__(self, finder: RowFinder, prefix: str) -> None:
        self._finder = finder
        self._prefix = prefix
        self._matcher = Matcher(DIALECT)

    def many(self, call: Call, entity: Entity) -> Reply:
        """A page of a set. The default order is that of the primary key as text (assumed)."""
        options = _options(call.query)
        preferences = read_preferences(call.headers.get("prefer", ""))
        if "odata.track-changes" in preferences:
            raise errors.not_simulated("Change tracking")
        asked = wanted_annotations(preferences)
        size, applied = page_size(preferences, LARGEST_PAGE)
        self._check_select(entity, options.select)
        try:
            order = options.orderby
            rows = self._matcher.rows(self._table(entity), options.filter, order, options.aliases)
            top = options.number("$top")
            count = options.count
        except (FilterError, OptionError) as error:
            raise errors.bad_query(str(error)) from None
        page_number, start = _start(entity, order, rows, options)
        limited = top is not None and not applied
        page = rows[start : start + (min(top or 0, LARGEST_PAGE) if limited else size)]
        answer: dict[str, Any] = {"@odata.context": self._context(call, entity, options.select)}
        if count:
            answer["@odata.count"] = min(len(rows), LARGEST_COUNT)
            if TOTAL in asked:
                answer[f"@{TOTAL}"] = min(len(rows), LARGEST_COUNT)
                answer[f"@{TOTAL_EXCEEDED}"] = len(rows) > LARGEST_COUNT
        answer["value"] = self._renderer(entity, options.select, asked).render(page)
        if not limited and start + len(page) < len(rows):
            answer["@odata.nextLink"] = self._next_link(
                call, entity, options, order, page_number + 1, page[-1]
            )
        return _json(answer, _applied(applied, asked, preferences))

    def count(self, call: Call, entity: Entity) -> Reply:
        """`/$count`: the number of rows as text, at most 5000."""
        options = _options(call.query)
        try:
            rows = self._matcher.rows(self._table(entity), options.filter, [], options.aliases)
        except FilterError as error:
            raise errors.bad_query(str(error)) from None
        text = "\ufeff" + str(min(len(rows), LARGEST_COUNT))
        return Reply(
            200, {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"}, text.encode("utf-8")
        )

    def one(self, call: Call, entity: Entity, address: Address) -> Reply:
        """One row, one of its values, or 304 when the caller has its newest version."""
        row = self._finder.row(entity, address)
        if address.rest:
            return self._value(call, entity, address, row)
        preferences = read_preferences(call.headers.get("prefer", ""))
        asked = wanted_annotations(preferences)
        select = _options(call.query).select
        self._check_select(entity, select)
        if call.headers.get("if-none-match") == etag(row.version) and not asked:
            return Reply(304, {"ETag": etag(row.version), "OData-Version": "4.0"})
        return self.row(call, entity, row, select, 200, preferences)

    def row(
        self,
        call: Call,
        entity: Entity,
        row: Row,
        select: list[str] | None,
        status: int,
        preferences: Mapping[str, str],
    ) -> Reply:
        """One row as an answer of its own."""
        asked = wanted_annotations(preferences)
        context = self._context(call, entity, select) + "/$entity"
        shown = self._renderer(entity, select, asked).render([row])[0]
        reply = _json({"@odata.context": context, **shown}, _applied("", asked, preferences))
        reply.status = status
        reply.headers["ETag"] = etag(row.version)
        return reply

    def select_of(self, call: Call, entity: Entity) -> list[str] | None:
        """The checked `$select` of a write that asks for its row back."""
        select = _options(call.query).select
        self._check_select(entity, select)
        return select

    def _value(self, call: Call, entity: Entity, address: Address, row: Row) -> Reply:
        name, raw = address.rest[0], address.rest[1:] == ("$value",)
        if name not in entity.fields or (len(address.rest) > 1 and not raw):
            raise errors.no_resource(name)
        value = row.fields.get(name)
        if value is None:
            return Reply(204, {"OData-Version": "4.0"})
        if raw:
            return Reply(
                200,
                {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"},
                str(value).encode("utf-8"),
            )
        root = f"{call.root}{self._prefix}$metadata#{entity.set_name}({row.key})/{name}"
        return _json({"@odata.context": root, "value": value}, "")

    def _table(self, entity: Entity) -> Any:
        return self._finder.store.tables[entity.set_name]

    def _renderer(self, entity: Entity, select: list[str] | None, asked: frozenset[str]) -> Renderer:
        return Renderer(entity, self._finder.entities, self._finder.store, select, asked)

    def _check_select(self, entity: Entity, select: list[str] | None) -> None:
        for name in select or ():
            if name not in entity.fields:
                raise errors.bad_query(
                    f"Could not find a property named '{name}' on type "
                    f"'Microsoft.Dynamics.CRM.{entity.type_name}'."
                )

    def _context(self, call: Call, entity: Entity, select: list[str] | None) -> str:
        shown = f"({','.join(select)})" if select else ""
        return f"{call.root}{self._prefix}$metadata#{entity.set_name}{shown}"

    def _next_link(
        self, call: Call, entity: Entity, options: Options, order: Order, page: int, last: Row
    ) -> str:
        values = [last.fields.get(name) for name, _ in order]
        token = cookie.bake(entity, order, page, values, str(last.key))
        query = options.rewritten({"$skiptoken": token})
        return f"{call.root}{self._prefix}{entity.set_name}?{query}"


def _options(query: str) -> Options:
    try:
        options = parse_options(query, _OPTIONS | _ELSEWHERE | {"$skip"})
    except OptionError as error:
        raise errors.bad_query(str(error)) from None
    if "$skip" in options.values:
        raise errors.bad_query("Skip Clause is not supported in CRM")
    for name in _ELSEWHERE & set(options.values):
        raise errors.not_simulated(f"The query option {name}")
    return options


def _start(entity: Entity, order: Order, rows: list[Row], options: Options) -> tuple[int, int]:
    """The page's number and its first position: after the row that the skip token names (keyset paging)."""
    token = options.values.get("$skiptoken")
    if token is None:
        return 1, 0
    try:
        page, values, row_id = cookie.read(entity, order, token)
    except cookie.CookieError as error:
        raise errors.bad_query(str(error)) from None
    if not order:
        return page, bisect_right(rows, row_id, key=lambda row: row.key)  # type: ignore[arg-type, return-value]
    place = after(order)
    names = [name for name, _ in order]
    return page, bisect_right(
        rows, place((values, row_id)), key=lambda row: place(([row.fields.get(n) for n in names], row.key))
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
