"""`$expand`: related rows inside the answer, with their own columns, conditions, order and next links.

A related row that does not exist is null; a collection is cut at the page size and continues at its own
`<nav>@odata.nextLink` (dataverse sheet, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from d365_sandbox.dataverse import cookie, errors, query
from d365_sandbox.dataverse.related import Related
from d365_sandbox.dataverse.relationships import PRINCIPAL, Relationship
from d365_sandbox.dataverse.rendering import Renderer
from d365_sandbox.odata.expansions import Expansion
from d365_sandbox.odata.filter_tree import FilterError
from d365_sandbox.odata.matching import Matcher, in_order
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.table import Row

Fill = Callable[[Row, dict[str, Any]], None]
MakeRenderer = Callable[[Entity, "list[str] | None"], Renderer]
_ONLY_FOR_MANY = ("$filter", "$orderby", "$top")


class Expander:
    """Expands for one answer: one service root, one set of annotations, one page size."""

    def __init__(
        self, related: Related, matcher: Matcher, renderer: MakeRenderer, base: str, size: int
    ) -> None:
        self._related = related
        self._matcher = matcher
        self._renderer = renderer
        self._base = base
        self._size = size

    def fills(self, entity: Entity, expansions: Iterable[Expansion]) -> list[Fill]:
        """For each expansion what adds it to a row that is shown. Raises Refused."""
        return [self._fill(entity, expansion) for expansion in expansions]

    def _fill(self, entity: Entity, expansion: Expansion) -> Fill:
        name = expansion.name
        relationship = self._related.relationship(entity, name)
        if relationship is not None:
            return self._many(entity, relationship, expansion)
        if self._related.single(entity, name) is None:
            raise errors.bad_query(
                f"Could not find a property named '{name}' on type "
                f"'Microsoft.Dynamics.CRM.{entity.type_name}'."
            )
        return self._one(entity, expansion)

    def _one(self, entity: Entity, expansion: Expansion) -> Fill:
        name = expansion.name
        for option in _ONLY_FOR_MANY:
            if option in expansion.options.values:
                raise errors.bad_query(f"{option} cannot be used to expand '{name}', which is one row.")
        target = self._related.target(self._related.relationships.lookups[entity.set_name][name][1])
        show = self._shown(target, expansion)

        def fill(row: Row, shown: dict[str, Any]) -> None:
            found = self._related.row(entity, name, row.fields)
            shown[name] = None if found is None else show([found])[0]

        return fill

    def _many(self, entity: Entity, relationship: Relationship, expansion: Expansion) -> Fill:
        asked = query.of_options(expansion.options)
        target, name = relationship.referencing, relationship.name
        show = self._shown(target, expansion)
        try:
            test = self._matcher.test(target, asked.filter, {})
            readers = self._matcher.readers(target, asked.order)
        except FilterError as error:
            raise errors.bad_query(str(error)) from None
        limit = self._size if asked.top is None else min(asked.top, self._size)

        def fill(row: Row, shown: dict[str, Any]) -> None:
            rows = [r for r in self._related.rows(relationship, str(row.key)) if not test or test(r.fields)]
            if asked.order:
                rows = in_order(rows, asked.order, readers)
            page = rows[:limit]
            shown[name] = show(page)
            if asked.top is None and len(page) < len(rows):
                last = page[-1]
                token = cookie.bake(
                    target, asked.order, 2, [read(last.fields) for read in readers], str(last.key)
                )
                link = f"{self._base}{entity.set_name}({row.key})/{name}?{_text(expansion)}$skiptoken={token}"
                shown[f"{name}@odata.nextLink"] = link

        return fill

    def _shown(self, target: Entity, expansion: Expansion) -> Callable[[list[Row]], list[dict[str, Any]]]:
        if expansion.only_references:
            return lambda rows: [{"@odata.id": f"{self._base}{self._path(target, row)}"} for row in rows]
        select = expansion.options.select
        query.check_select(target, select)
        renderer = self._renderer(target, select)
        fills = self.fills(target, expansion.inner)

        def show(rows: list[Row]) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = list(renderer.render(rows))
            for row, shown in zip(rows, found, strict=True):
                for fill in fills:
                    fill(row, shown)
            if target.type_name == PRINCIPAL:
                return [self._typed(row, shown) for row, shown in zip(rows, found, strict=True)]
            return found

        return show

    def _path(self, target: Entity, row: Row) -> str:
        set_name = self._owner_set(row) if target.type_name == PRINCIPAL else target.set_name
        return f"{set_name}({row.key})"

    def _typed(self, row: Row, shown: dict[str, Any]) -> dict[str, Any]:
        """An owner carries its type, because the navigation property does not imply it."""
        kind = "systemuser" if self._owner_set(row) == "systemusers" else "team"
        return {"@odata.type": f"#Microsoft.Dynamics.CRM.{kind}", **shown}

    def _owner_set(self, row: Row) -> str:
        return "systemusers" if "systemuserid" in row.fields else "teams"


def context(select: list[str] | None, expansions: Iterable[Expansion]) -> str:
    """What follows the set's name in a context URL: the columns and what is expanded of them."""
    parts = [*(select or ()), *(f"{e.name}({_inside(e)})" for e in expansions)]
    return f"({','.join(parts)})" if parts else ""


def _inside(expansion: Expansion) -> str:
    return context(expansion.options.select, expansion.inner)[1:-1]


def _text(expansion: Expansion) -> str:
    """The expansion's own options as the options of the collection's address."""
    return "".join(f"{name}={quote(value, safe='$(),/:@;=')}&" for name, value in expansion.options.raw)
