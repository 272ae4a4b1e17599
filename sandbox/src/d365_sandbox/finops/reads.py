"""Reading sets, rows, related rows and single values of F&O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.expand import Expansion, read_expand, related, relation_of
from d365_sandbox.finops.forms import Form, read_form
from d365_sandbox.finops.rendering import NAMESPACE, Renderer, context_of, key_address, value_of
from d365_sandbox.finops.rows import CompanyGate, etag, etag_suffix, find
from d365_sandbox.finops.views import as_seen
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.addresses import Address
from d365_sandbox.odata.filter_tree import FilterError
from d365_sandbox.odata.matching import Matcher
from d365_sandbox.odata.options import OptionError, Options, parse_options
from d365_sandbox.odata.predicate import Dialect
from d365_sandbox.odata.preferences import page_size, read_preferences
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Store
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply

PREFIX = "/data/"
LARGEST_PAGE = 10_000
DIALECT = Dialect(f"{NAMESPACE}.", arithmetic=True, star_in_eq=True)
WITH_FUNCTIONS = Dialect(f"{NAMESPACE}.", text_functions=True, arithmetic=True, star_in_eq=True)
_OPTIONS = {
    "$select",
    "$filter",
    "$orderby",
    "$top",
    "$skip",
    "$count",
    "$expand",
    "$format",
    "cross-company",
}


def read_options(query: str) -> Options:
    """The options of a request. `$apply`, `$search` and other options of the protocol are refused, names without
    `$` that the service does not know are ignored (the OData rule; assumed)."""
    names = (pair.partition("=")[0].replace("%24", "$") for pair in query.split("&"))
    own = {name for name in names if name and name[0] not in "$@"}
    try:
        options = parse_options(query, _OPTIONS | own)
    except OptionError as error:
        raise errors.bad_request(str(error)) from None
    chosen = options.values.get("$format", "json").split(";")[0].strip()
    if chosen not in ("json", "application/json"):
        raise errors.bad_request("Only $format=json is supported.")
    return options


class Reader:
    """Answers GET requests. `text_functions` allows contains and its like in filters, `unfilterable` names fields that
    they may not name."""

    def __init__(self, entities: Mapping[str, Entity], store: Store) -> None:
        self._entities = entities
        self._store = store
        self._matchers = {False: Matcher(DIALECT), True: Matcher(WITH_FUNCTIONS)}
        self.text_functions = False
        self.unfilterable: frozenset[str] = frozenset()

    def many(self, call: Call, entity: Entity, options: Options, gate: CompanyGate) -> Reply:
        """A page of a set; the next link goes on by offset, so rows that come or go in between shift it."""
        rows = self._rows(entity, options, gate)
        return self._page(call, entity, options, rows, entity.set_name)

    def count(self, entity: Entity, options: Options, gate: CompanyGate) -> Reply:
        """`/$count`: the number of rows as text."""
        return _as_text(str(len(self._rows(entity, options, gate))))

    def one(self, call: Call, entity: Entity, address: Address, options: Options, gate: CompanyGate) -> Reply:
        """One row, one of its values, or what one of its navigation properties leads to."""
        row = find(self._store, gate, entity, address)
        if not address.rest:
            expansions = self._expansions(entity, options)
            return self.row(call, entity, row, options, 200, expansions)
        name, *deeper = address.rest
        if name in entity.relations and deeper in ([], ["$count"]):
            return self._navigate(call, entity, row, name, options, bool(deeper))
        described = entity.fields.get(name)
        if described is None or deeper not in ([], ["$value"]):
            return errors.no_set(call.root, call.path)
        form = _form(call, options)
        value = value_of(described, row, form)
        if deeper:
            return _as_text(str(row.fields.get(name, described.empty)))
        context = f"{call.root}{PREFIX}$metadata#{key_address(entity, row)}/{name}"
        return json_reply({"@odata.context": context, "value": value}, 200, {}, form)

    def row(
        self,
        call: Call,
        entity: Entity,
        row: Row,
        options: Options | None,
        status: int,
        expansions: list[Expansion] | None = None,
    ) -> Reply:
        """One row as an answer of its own."""
        form = _form(call, options)
        select = options.select if options else None
        base = f"{call.root}{PREFIX}"
        renderer = Renderer(entity, select, form, base, self._store.tables, expansions)
        answer: dict[str, Any] = {}
        if form.level != "none":
            answer["@odata.context"] = f"{context_of(base, entity, select, expansions or [])}/$entity"
        answer.update(renderer.row(row))
        return json_reply(answer, status, {"ETag": etag(row.version, etag_suffix(entity))}, form)

    def _navigate(
        self, call: Call, entity: Entity, row: Row, name: str, options: Options, counting: bool
    ) -> Reply:
        relation = relation_of(entity, name)
        target = self._entities[relation.target_set]
        rows = related(self._store.tables, relation, target, row)
        if relation.many:
            rows = self._narrowed(target, options, rows)
            if counting:
                return _as_text(str(len(rows)))
            return self._page(call, target, options, rows, f"{key_address(entity, row)}/{name}")
        if not rows or counting:
            return (
                Reply(204, {"OData-Version": "4.0"}) if not counting else errors.no_set(call.root, call.path)
            )
        return self.row(call, target, rows[0], options, 200, self._expansions(target, options))

    def _page(self, call: Call, entity: Entity, options: Options, rows: list[Row], path: str) -> Reply:
        preferences = read_preferences(call.headers.get("prefer", ""))
        size, applied = page_size(preferences, LARGEST_PAGE)
        try:
            skip, top, count = options.number("$skip") or 0, options.number("$top"), options.count
        except OptionError as error:
            raise errors.bad_request(str(error)) from None
        form, base, expansions = (
            _form(call, options),
            f"{call.root}{PREFIX}",
            self._expansions(entity, options),
        )
        wanted = rows[skip:] if top is None else rows[skip : skip + top]
        page = wanted[:size]
        answer: dict[str, Any] = {}
        if form.level != "none":
            answer["@odata.context"] = context_of(base, entity, options.select, expansions)
        if count:
            answer["@odata.count"] = str(len(rows)) if form.strings else len(rows)
        renderer = Renderer(entity, options.select, form, base, self._store.tables, expansions)
        answer["value"] = renderer.rows(page)
        if len(page) < len(wanted):
            left = None if top is None else str(top - len(page))
            query = options.rewritten({"$top": left, "$skip": str(skip + len(page))})
            answer["@odata.nextLink"] = f"{base}{path}?{query}"
        return json_reply(answer, 200, {"Preference-Applied": applied} if applied else {}, form)

    def _expansions(self, entity: Entity, options: Options) -> list[Expansion]:
        return read_expand(options.values.get("$expand", ""), entity, self._entities)

    def _rows(self, entity: Entity, options: Options, gate: CompanyGate) -> list[Row]:
        table, scope = as_seen(self._store.tables, entity), gate.scope_of(entity)
        self._check_filter(entity, options)
        matcher = self._matchers[self.text_functions]
        try:
            return matcher.rows(table, options.filter, options.orderby, options.aliases, scope)
        except (FilterError, OptionError) as error:
            raise errors.bad_request(str(error)) from None

    def _narrowed(self, entity: Entity, options: Options, rows: list[Row]) -> list[Row]:
        """Filter and order of a navigation path, whose rows are few."""
        self._check_filter(entity, options)
        matcher = self._matchers[self.text_functions]
        try:
            return matcher.among(entity, rows, options.filter, options.orderby, options.aliases)
        except (FilterError, OptionError) as error:
            raise errors.bad_request(str(error)) from None

    def _check_filter(self, entity: Entity, options: Options) -> None:
        words = re.findall(r"\w+", re.sub(r"'[^']*'", "", options.filter)) if self.unfilterable else []
        for name in words:
            if f"{entity.set_name}.{name}" in self.unfilterable:
                raise errors.bad_request(f"The field '{name}' is computed and cannot be filtered.")


def _form(call: Call, options: Options | None) -> Form:
    chosen = options.values.get("$format", "") if options else ""
    accept = call.headers.get("accept", "")
    if not chosen and "odata" not in accept and "IEEE" not in accept:
        return Form()
    return read_form(accept, chosen)


def _as_text(text: str) -> Reply:
    return Reply(
        200, {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"}, text.encode("utf-8")
    )


def json_reply(answer: object, status: int, headers: Mapping[str, str], form: Form | None = None) -> Reply:
    content_type = (form or Form()).content_type
    return Reply(status, {"Content-Type": content_type, "OData-Version": "4.0", **headers}, dumps(answer))
