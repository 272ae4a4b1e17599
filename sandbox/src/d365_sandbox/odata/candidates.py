"""Narrows the rows that a filter can match by a table's hash indexes, which saves a scan."""

from __future__ import annotations

from d365_sandbox.odata.filter_tree import Compare, Junction, Literal, Node, Property, QueryFunction
from d365_sandbox.schemas.entity import Key
from d365_sandbox.store.table import Table

_NEVER_INDEXED = {"dataAreaId"}  # too few distinct values to narrow anything


def candidate_keys(node: Node, table: Table) -> set[Key] | None:
    """Keys of a superset of the matching rows, or None when a scan is needed. Do not modify the set."""
    if isinstance(node, Junction):
        return _of_junction(node, table)
    if isinstance(node, Compare) and node.operator == "eq":
        return _of_equality(node, table)
    if isinstance(node, QueryFunction) and node.name == "In":
        name, values = node.arguments.get("PropertyName"), node.arguments.get("PropertyValues")
        if isinstance(name, Literal) and isinstance(values, tuple):
            return _holding(table, str(name.value), values)
    return None


def _of_junction(node: Junction, table: Table) -> set[Key] | None:
    """The smallest set of any part of an `and`; all sets of an `or` together, if every part has one."""
    found = [candidate_keys(part, table) for part in node.parts]
    known = [keys for keys in found if keys is not None]
    if node.operator == "and":
        return min(known, key=len, default=None)
    return set().union(*known) if len(known) == len(found) else None


def _of_equality(node: Compare, table: Table) -> set[Key] | None:
    sides = (node.left, node.right)
    named = next((s for s in sides if isinstance(s, Property)), None)
    constant = next((s for s in sides if isinstance(s, Literal)), None)
    return _holding(table, named.name, (constant,)) if named and constant else None


def _holding(table: Table, name: str, constants: tuple[Literal, ...]) -> set[Key] | None:
    described = table.entity.fields.get(name)
    if described is None or described.kind not in ("string", "guid") or name in _NEVER_INDEXED:
        return None
    texts = [c.value for c in constants]
    if any(not isinstance(t, str) or not t or "*" in t for t in texts):
        return None
    if len(texts) == 1:
        return table.holding(name, texts[0])
    return set().union(*(table.holding(name, text) for text in texts))
