"""FetchXML text as a tree: columns, conditions, orders and linked tables (dataverse sheet, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from d365_sandbox.dataverse import errors

_ATTRIBUTES = {
    "fetch": {"top", "count", "page", "paging-cookie", "distinct", "returntotalrecordcount", "version", "mapping",
              "output-format", "no-lock", "latematerialize"},
    "entity": {"name"},
    "attribute": {"name", "alias"},
    "all-attributes": set(),
    "order": {"attribute", "descending"},
    "filter": {"type"},
    "condition": {"attribute", "operator", "value"},
    "value": set(),
    "link-entity": {"name", "from", "to", "alias", "link-type", "visible", "intersect"},
}  # fmt: skip
_DEEPEST = 15


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `values` holds the attribute's value or those of the elements below."""

    column: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions joined by `and` or `or`."""

    junction: str
    parts: tuple[Condition | Conditions, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The table of a query, or one linked to it: `own` equals `other` of the table above."""

    table: str
    columns: tuple[tuple[str, str], ...]  # name, alias
    all_columns: bool
    conditions: Conditions
    orders: tuple[tuple[str, bool], ...]
    links: tuple[Source, ...]
    own: str = ""
    other: str = ""
    alias: str = ""
    outer: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """A whole query; `settings` are the attributes of its root."""

    source: Source
    settings: Mapping[str, str]

    def number(self, name: str) -> int | None:
        """A whole number of the root. Raises Refused."""
        text = self.settings.get(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise errors.invalid(f"Invalid Fetch XML: '{name}' is a whole number, not '{text}'.")
        return int(text)

    def is_set(self, name: str) -> bool:
        return self.settings.get(name, "false") in ("true", "1")


def parse_fetch(text: str) -> Fetch:
    """The query. Raises Refused for XML that is none, and for elements that the sandbox does not have."""
    if "<!" in text:
        raise errors.invalid("Invalid Fetch XML: declarations are not allowed.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        raise errors.invalid("Invalid Fetch XML: it cannot be parsed.") from None
    entities = [child for child in root if child.tag == "entity"]
    if root.tag != "fetch" or len(entities) != 1 or len(root) != 1:
        raise errors.invalid("Invalid Fetch XML: a fetch element holds one entity element.")
    _check(root)
    return Fetch(_source(entities[0], 0), dict(root.attrib))


def _check(element: ElementTree.Element) -> None:
    known = _ATTRIBUTES.get(str(element.tag))
    if known is None:
        raise errors.not_simulated(f"The FetchXML element '{element.tag}'")
    for name in element.attrib:
        if name not in known:
            raise errors.not_simulated(f"The FetchXML attribute '{name}' of '{element.tag}'")


def _source(element: ElementTree.Element, depth: int) -> Source:
    _check(element)
    if depth > _DEEPEST:
        raise errors.invalid(f"Invalid Fetch XML: more than {_DEEPEST} tables are linked.")
    children: dict[str, list[ElementTree.Element]] = {}
    for child in element:
        _check(child)
        children.setdefault(str(child.tag), []).append(child)
    columns = tuple((_name(c, "name"), c.get("alias", "")) for c in children.get("attribute", ()))
    orders = children.get("order", ())
    link_type = element.get("link-type", "inner")
    if link_type not in ("inner", "outer"):
        raise errors.not_simulated(f"The FetchXML link type '{link_type}'")
    return Source(
        table=_name(element, "name"),
        columns=columns,
        all_columns="all-attributes" in children or (depth == 0 and not columns),
        conditions=Conditions("and", tuple(_conditions(f, 0) for f in children.get("filter", ()))),
        orders=tuple((_name(o, "attribute"), o.get("descending") == "true") for o in orders),
        links=tuple(_source(link, depth + 1) for link in children.get("link-entity", ())),
        own=_name(element, "from") if depth else "",
        other=_name(element, "to") if depth else "",
        alias=element.get("alias", element.get("name", "")),
        outer=link_type == "outer",
    )


def _conditions(element: ElementTree.Element, depth: int) -> Conditions:
    _check(element)
    if depth > _DEEPEST:
        raise errors.invalid("Invalid Fetch XML: filters are nested too deep.")
    parts: list[Condition | Conditions] = []
    for child in element:
        if child.tag == "filter":
            parts.append(_conditions(child, depth + 1))
        elif child.tag == "condition":
            parts.append(_condition(child))
        else:
            raise errors.not_simulated(f"The FetchXML element '{child.tag}' in a filter")
    junction = element.get("type", "and")
    if junction not in ("and", "or"):
        raise errors.invalid("Invalid Fetch XML: the type of a filter is 'and' or 'or'.")
    return Conditions(junction, tuple(parts))


def _condition(element: ElementTree.Element) -> Condition:
    _check(element)
    below = tuple(child.text or "" for child in element if child.tag == "value")
    given = element.get("value")
    values = below if given is None else (given,)
    return Condition(_name(element, "attribute"), _name(element, "operator"), values)


def _name(element: ElementTree.Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise errors.invalid(f"Invalid Fetch XML: '{element.tag}' needs '{name}'.")
    return value
