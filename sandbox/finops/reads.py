"""Reading sets, rows and single values of F&O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.description import Entity
from sandbox.finops import errors
from sandbox.finops.numbers import shown
from sandbox.finops.rows import CompanyGate, etag, find, key_text
from sandbox.finops.views import as_seen
from sandbox.odata_subset.addresses import Address
from sandbox.odata_subset.filter_parser import FilterError
from sandbox.odata_subset.json_text import dumps
from sandbox.odata_subset.matching import Matcher
from sandbox.odata_subset.options import OptionError, Options, parse_options
from sandbox.odata_subset.predicate import Dialect
from sandbox.preferences import page_size, read_preferences
from sandbox.store.store import Store
from sandbox.store.table import Row
from sandbox.web import Call, Reply

PREFIX = "/data/"
LARGEST_PAGE = 10_000
DIALECT = Dialect("Microsoft.Dynamics.DataEntities.", arithmetic=True, star_in_eq=True)
_OPTIONS = {"$select", "$filter", "$orderby", "$top", "$skip", "$count", "$format", "cross-company"}
_ELSEWHERE = {"$expand"}  # documented, not part of this sandbox


def read_options(query: str) -> Options:
    """The options of a request. `$apply`, `$search` and unknown ones are refused."""
    try:
        options = parse_options(query, _OPTIONS | _ELSEWHERE)
    except OptionError as error:
        raise errors.bad_request(str(error)) from None
    for name in _ELSEWHERE & set(options.values):
        raise errors.Refused(501, f"The query option {name} is not simulated by the sandbox.")
    if options.values.get("$format", "json") not in ("json", "application/json"):
        raise errors.bad_request("Only $format=json is supported.")
    return options


class Reader:
    """Answers GET requests."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._matcher = Matcher(DIALECT)

    def many(self, call: Call, entity: Entity, options: Options, gate: CompanyGate) -> Reply:
        """A page of a set; the next link goes on by offset, so rows that come or go in between shift it."""
        preferences = read_preferences(call.headers.get("prefer", ""))
        size, applied = page_size(preferences, LARGEST_PAGE)
        rows = self._rows(entity, options, gate)
        try:
            skip, top, count = options.number("$skip") or 0, options.number("$top"), options.count
        except OptionError as error:
            raise errors.bad_request(str(error)) from None
        wanted = rows[skip:] if top is None else rows[skip : skip + top]
        page = wanted[:size]
        answer: dict[str, Any] = {"@odata.context": _context(call, entity, options.select)}
        if count:
            answer["@odata.count"] = len(rows)
        answer["value"] = _render(entity, options.select, page)
        if len(page) < len(wanted):
            left = None if top is None else str(top - len(page))
            query = options.rewritten({"$top": left, "$skip": str(skip + len(page))})
            answer["@odata.nextLink"] = f"{call.root}{PREFIX}{entity.set_name}?{query}"
        return json_reply(answer, 200, {"Preference-Applied": applied} if applied else {})

    def count(self, entity: Entity, options: Options, gate: CompanyGate) -> Reply:
        """`/$count`: the number of rows as text."""
        text = str(len(self._rows(entity, options, gate)))
        return Reply(200, {"Content-Type": "text/plain", "OData-Version": "4.0"}, text.encode("ascii"))

    def one(self, call: Call, entity: Entity, address: Address, options: Options, gate: CompanyGate) -> Reply:
        """One row or one of its values."""
        row = find(self._store, gate, entity, address)
        if not address.rest:
            return self.row(call, entity, row, options.select, 200)
        described = entity.fields.get(address.rest[0])
        if described is None or len(address.rest) > 1:
            return errors.no_set(call.root, call.path)
        context = f"{call.root}{PREFIX}$metadata#{entity.set_name}({key_text(entity, row)})/{described.name}"
        value = row.fields.get(described.name, described.empty)
        value = shown(value) if described.kind == "decimal" else value
        return json_reply({"@odata.context": context, "value": value}, 200, {})

    def row(self, call: Call, entity: Entity, row: Row, select: list[str] | None, status: int) -> Reply:
        """One row as an answer of its own."""
        context = _context(call, entity, select) + "/$entity"
        fields = _render(entity, select, [row])[0]
        return json_reply({"@odata.context": context, **fields}, status, {"ETag": etag(row.version)})

    def _rows(self, entity: Entity, options: Options, gate: CompanyGate) -> list[Row]:
        table, scope = as_seen(self._store.tables, entity), gate.scope_of(entity)
        try:
            return self._matcher.rows(table, options.filter, options.orderby, options.aliases, scope)
        except (FilterError, OptionError) as error:
            raise errors.bad_request(str(error)) from None


def _render(entity: Entity, select: list[str] | None, rows: list[Row]) -> list[dict[str, Any]]:
    """Rows with their etag and the chosen fields; what is not set is shown as its type's empty value."""
    names = list(entity.fields) if select is None else list(dict.fromkeys(select))
    for name in names:
        if name not in entity.fields:
            raise errors.bad_request(
                f"Could not find a property named '{name}' on type "
                f"'Microsoft.Dynamics.DataEntities.{entity.type_name}'."
            )
    columns = [(name, entity.fields[name].empty) for name in names]
    decimals = [name for name in names if entity.fields[name].kind == "decimal"]
    found = []
    for row in rows:
        value_of = row.fields.get
        one: dict[str, Any] = {"@odata.etag": etag(row.version)}
        one.update([(name, value_of(name, empty)) for name, empty in columns])
        for name in decimals:
            if isinstance(one[name], str):
                one[name] = shown(one[name])
        found.append(one)
    return found


def _context(call: Call, entity: Entity, select: list[str] | None) -> str:
    columns = f"({','.join(select)})" if select else ""
    return f"{call.root}{PREFIX}$metadata#{entity.set_name}{columns}"


def json_reply(answer: object, status: int, headers: Mapping[str, str]) -> Reply:
    return Reply(status, {"Content-Type": errors.JSON, "OData-Version": "4.0", **headers}, dumps(answer))
