"""`$apply` text as the steps that the service documents: filter, groupby and aggregate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from d365_sandbox.odata.options import OptionError
from d365_sandbox.odata.splitting import SplitError, bracketed, split_outside

METHODS = ("sum", "average", "min", "max", "countdistinct")
_AGGREGATE = re.compile(r"\s*(?P<column>[\w/]+)\s+with\s+(?P<method>\w+)\s+as\s+(?P<alias>\w+)\s*")
_COUNT = re.compile(r"\s*\$count\s+as\s+(?P<alias>\w+)\s*")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One computed column; `method` is one of METHODS or `count`, which has no column."""

    column: str
    method: str
    alias: str


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Rows that match `filter`, in groups of equal `columns`; one group when there are none."""

    filter: str
    columns: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]


def parse_apply(text: str) -> Aggregation:
    """The steps of `$apply`: a filter if any, then groupby or aggregate. Raises OptionError."""
    try:
        steps = [bracketed(step.strip()) for step in split_outside(text, "/")]
        condition = ""
        if steps[0][0] == "filter" and steps[0][1]:
            condition = steps.pop(0)[1] or ""
        if len(steps) != 1 or not steps[0][1]:
            raise OptionError("$apply is a filter, if any, followed by one groupby or aggregate.")
        name, inside = steps[0]
        if name == "aggregate":
            return _checked(Aggregation(condition, (), _aggregates(inside or "")))
        if name == "groupby":
            return _checked(_grouping(condition, inside or ""))
    except SplitError as error:
        raise OptionError(str(error)) from None
    raise OptionError(f"The transformation '{name}' is not supported in $apply.")


def _grouping(condition: str, inside: str) -> Aggregation:
    columns, *others = split_outside(inside, ",")
    head, listed = bracketed(columns.strip())
    if head or not listed or len(others) > 1:
        raise OptionError("groupby takes columns in brackets and at most one aggregate.")
    aggregates: tuple[Aggregate, ...] = ()
    if others:
        name, computed = bracketed(others[0].strip())
        if name != "aggregate" or computed is None:
            raise OptionError("groupby takes columns in brackets and at most one aggregate.")
        aggregates = _aggregates(computed)
    return Aggregation(condition, tuple(c.strip() for c in listed.split(",")), aggregates)


def _aggregates(text: str) -> tuple[Aggregate, ...]:
    return tuple(_aggregate(part) for part in split_outside(text, ","))


def _aggregate(text: str) -> Aggregate:
    counted = _COUNT.fullmatch(text)
    if counted:
        return Aggregate("", "count", counted["alias"])
    found = _AGGREGATE.fullmatch(text)
    if found is None or found["method"] not in METHODS:
        raise OptionError(f"Syntax error in $apply: '{text.strip()}' is no aggregation.")
    return Aggregate(found["column"], found["method"], found["alias"])


def _checked(found: Aggregation) -> Aggregation:
    names = [*found.columns, *(a.alias for a in found.aggregates)]
    if len(set(names)) < len(names):
        raise OptionError("A name stands twice in $apply.")
    return found
