"""The query options of one read, checked: what is not supported is refused by name (dataverse sheet, sections 2
and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from d365_sandbox.dataverse import errors
from d365_sandbox.odata.expansions import Expansion, parse_expand
from d365_sandbox.odata.matching import Order
from d365_sandbox.odata.options import OptionError, Options, parse_options
from d365_sandbox.schemas.entity import Entity

_IN_EXPAND = ("$select", "$filter", "$orderby", "$top", "$expand")
_ON_COLLECTIONS = ("$filter", "$orderby", "$top", "$count", "$skiptoken", "$apply", "fetchXml")
_KNOWN = {"$select", "$expand", *_ON_COLLECTIONS, "$skip", "fetchXml"}
_ELSEWHERE = {"savedQuery", "userQuery", "$deltatoken"}  # documented, not part of this sandbox


@dataclass(slots=True)
class Query:
    """What the options ask for; `options` keeps their text for next links."""

    options: Options
    select: list[str] | None
    expansions: tuple[Expansion, ...]
    filter: str = ""
    order: Order = field(default_factory=list)
    top: int | None = None
    count: bool = False
    apply: str = ""
    fetch: str = ""

    @property
    def aliases(self) -> Mapping[str, str]:
        return self.options.aliases


def collection_query(text: str) -> Query:
    """The options of a read of many rows. Raises Refused."""
    return of_options(_options(text))


def row_query(text: str) -> Query:
    """The options of a read of one row; those that make sense for many rows only are refused."""
    options = _options(text)
    if any(name in options.values for name in _ON_COLLECTIONS):
        raise errors.bad_query(
            "The query options $filter, $orderby, $count, $skip and $top can be applied only on collections."
        )
    return of_options(options)


def of_options(options: Options) -> Query:
    """The options in their parts. Raises Refused."""
    try:
        expand = options.values.get("$expand", "")
        expansions = parse_expand(expand, _IN_EXPAND) if "$expand" in options.values else ()
        return Query(
            options=options,
            select=options.select,
            expansions=expansions,
            filter=options.filter,
            order=options.orderby,
            top=options.number("$top"),
            count=options.count,
            apply=options.values.get("$apply", ""),
            fetch=_fetch(options),
        )
    except OptionError as error:
        raise errors.bad_query(str(error)) from None


def _fetch(options: Options) -> str:
    """FetchXML, which stands alone."""
    if "fetchXml" in options.values and len(options.values) > 1:
        raise OptionError("fetchXml cannot be used together with other query options.")
    for name in ("fetchXml", "$apply"):
        if options.values.get(name) == "":
            raise OptionError(f"The query option {name} is empty.")
    return options.values.get("fetchXml", "")


def check_select(entity: Entity, select: list[str] | None) -> None:
    for name in select or ():
        if name not in entity.fields:
            raise errors.bad_query(
                f"Could not find a property named '{name}' on type "
                f"'Microsoft.Dynamics.CRM.{entity.type_name}'."
            )


def _options(text: str) -> Options:
    try:
        options = parse_options(text, _KNOWN | _ELSEWHERE)
    except OptionError as error:
        raise errors.bad_query(str(error)) from None
    if "$skip" in options.values:
        raise errors.bad_query("Skip Clause is not supported in CRM")
    for name in sorted(_ELSEWHERE & set(options.values)):
        raise errors.not_simulated(f"The query option {name}")
    return options
