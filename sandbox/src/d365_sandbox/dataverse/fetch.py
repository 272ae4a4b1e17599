"""`?fetchXml=`: the other query language, with its own paging cookie.

Pages are cut by number. With a paging cookie the page starts after the cookie's last row, as with
`$skiptoken`; queries over linked tables stay with the number (assumed). Aggregation is not simulated here:
`$apply` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from d365_sandbox.dataverse import cookie, errors
from d365_sandbox.dataverse.fetch_conditions import column, test_of
from d365_sandbox.dataverse.fetch_xml import Fetch, Source, parse_fetch
from d365_sandbox.dataverse.related import Related
from d365_sandbox.dataverse.rendering import ETAG, MORE, PAGING, TOTAL, TOTAL_EXCEEDED, Renderer
from d365_sandbox.odata.matching import Order, in_order
from d365_sandbox.odata.predicate import Dialect
from d365_sandbox.schemas.entity import Entity, Field, Fields, Wire
from d365_sandbox.store.store import Store
from d365_sandbox.store.table import Row

LARGEST_PAGE = 5000
LARGEST_COUNT = 5000
Joined = Mapping[str, Row]


class Fetcher:
    """Answers one organisation's FetchXML."""

    def __init__(
        self, entities: Mapping[str, Entity], store: Store, related: Related, dialect: Dialect
    ) -> None:
        self._entities = entities
        self._store = store
        self._related = related
        self._dialect = dialect
        self._by_type = {e.type_name: e for e in entities.values()}

    def page(self, entity: Entity, text: str, asked: frozenset[str]) -> dict[str, Any]:
        """`value` with the annotations that go with it. Raises Refused."""
        fetch = parse_fetch(text)
        source = fetch.source
        if source.table != entity.type_name:
            raise errors.invalid(
                f"The entity of the fetch, '{source.table}', is not that of the address, '{entity.type_name}'."
            )
        order: Order = [(column(entity, name).name, descending) for name, descending in source.orders]
        rows = self._ordered(entity, source, order)
        joined = list(self._joined(source, rows, entity))
        shown = self._shown(entity, source, joined, asked)
        if fetch.is_set("distinct"):
            asked_for = {name for name, _ in source.columns}
            shown = _distinct(shown, {ETAG, entity.key_fields[0]} - asked_for)
        start, size, number = self._window(fetch, entity, order, joined)
        page = shown[start : start + size]
        answer = _totals(len(shown), asked) if fetch.is_set("returntotalrecordcount") else {}
        more = "top" not in fetch.settings and start + size < len(shown)
        if more and PAGING in asked and not fetch.is_set("distinct"):
            last = joined[start + size - 1][""]
            values = [last.fields.get(name) for name, _ in order]
            answer[f"@{PAGING}"] = unquote(cookie.bake(entity, order, number + 1, values, str(last.key)))
        if MORE in asked:
            answer[f"@{MORE}"] = more
        answer["value"] = page
        return answer

    def _ordered(self, entity: Entity, source: Source, order: Order) -> list[Row]:
        test = test_of(source.conditions, entity, self._dialect, self._related)
        rows = [row for row in self._store.tables[entity.set_name].rows() if test(row.fields)]
        if not order:
            return rows
        return in_order(rows, order, [_reader(name) for name, _ in order])

    def _window(
        self, fetch: Fetch, entity: Entity, order: Order, joined: list[Joined]
    ) -> tuple[int, int, int]:
        """First position, size and number of the page."""
        top, count, number = fetch.number("top"), fetch.number("count"), fetch.number("page") or 1
        if top is not None:
            return 0, min(top, LARGEST_PAGE), 1
        size = min(count or LARGEST_PAGE, LARGEST_PAGE)
        given = fetch.settings.get("paging-cookie", "")
        if given and not fetch.source.links:
            try:
                row_id = cookie.last_row(entity, order, given)
            except cookie.CookieError as error:
                raise errors.bad_query(str(error)) from None
            keys = [row[""].key for row in joined]
            if row_id in keys:
                return keys.index(row_id) + 1, size, number
        return (number - 1) * size, size, number

    def _joined(self, source: Source, rows: list[Row], entity: Entity) -> Iterator[Joined]:
        """Each row with those linked to it, by alias; the row itself has no alias."""
        links = [self._link(link, entity) for link in source.links]
        for row in rows:
            found: list[dict[str, Row]] = [{"": row}]
            for link in links:
                found = [{**known, **more} for known in found for more in link(row)]
            yield from found

    def _link(self, source: Source, above: Entity) -> Any:
        entity = self._by_type.get(source.table)
        if entity is None:
            raise errors.Refused(
                404,
                "0x80041102",
                f"The entity with a name = '{source.table}' was not found in the MetadataCache.",
            )
        own, other = column(entity, source.own).name, column(above, source.other).name
        test = test_of(source.conditions, entity, self._dialect, self._related)
        table = self._store.tables[entity.set_name]

        def rows(row: Row) -> list[dict[str, Row]]:
            value = row.fields.get(other)
            keys = table.holding(own, value) if value is not None else set()
            linked = [r for r in table.pick(keys) if test(r.fields)]
            nested = self._joined(source, linked, entity)
            found = [{**{k: v for k, v in n.items() if k}, source.alias: n[""]} for n in nested]
            return found or ([{}] if source.outer else [])

        return rows

    def _shown(
        self, entity: Entity, source: Source, joined: list[Joined], asked: frozenset[str]
    ) -> list[dict[str, Any]]:
        select = None if source.all_columns else [column(entity, name).name for name, _ in source.columns]
        renderer = Renderer(entity, self._entities, self._store, select, asked)
        found: list[dict[str, Any]] = list(renderer.render([row[""] for row in joined]))
        renamed = [(column(entity, name).name, alias) for name, alias in source.columns if alias]
        linked = list(self._linked_columns(source))
        for shown, rows in zip(found, joined, strict=True):
            for name, alias in renamed:
                shown[alias] = shown.pop(name, None)
            for alias, described, name in linked:
                if alias in rows:
                    shown[name] = rows[alias].fields.get(described.name)
        return found

    def _linked_columns(self, source: Source) -> Iterator[tuple[str, Field, str]]:
        """Columns of linked tables: `alias.column`, or their own alias."""
        for link in source.links:
            entity = self._by_type[link.table]
            names = [(f.logical, "") for f in entity.fields.values()] if link.all_columns else link.columns
            for name, alias in names:
                yield link.alias, column(entity, name), alias or f"{link.alias}.{name}"
            yield from self._linked_columns(link)


def _reader(name: str) -> Any:
    def read(fields: Fields) -> Wire:
        return fields.get(name)

    return read


def _totals(count: int, asked: frozenset[str]) -> dict[str, Any]:
    """The number of rows as far as it is counted, with the annotations that were asked for."""
    answer: dict[str, Any] = {"@odata.count": min(count, LARGEST_COUNT)}
    if TOTAL in asked:
        answer[f"@{TOTAL}"] = min(count, LARGEST_COUNT)
        answer[f"@{TOTAL_EXCEEDED}"] = count > LARGEST_COUNT
    return answer


def _distinct(rows: list[dict[str, Any]], unasked: set[str]) -> list[dict[str, Any]]:
    """Distinct rows. Version and key are left out unless they were asked for: they make every row distinct."""
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        kept = {name: value for name, value in row.items() if name not in unasked}
        seen.setdefault(tuple(kept.items()), kept)
    return list(seen.values())
