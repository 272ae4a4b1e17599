"""Which rows a filter can match at all, found through a table's hash indexes instead of a scan."""

from __future__ import annotations

from sandbox.description import Key
from sandbox.odata_subset.filter_tree import Compare, Junction, Literal, Node, Property, QueryFunction
from sandbox.store.table import Table

_NEVER_INDEXED = {"dataAreaId"}  # too few distinct values to narrow anything


def candidate_keys(node: Node, table: Table) -> set[Key] | None:
    """Keys of a superset of the matching rows, or None when only a scan can tell. Do not change the set."""
    if isinstance(node, Junction):
        found = [candidate_keys(part, table) for part in node.parts]
        if node.operator == "and":
            return min((keys for keys in found if keys is not None), key=len, default=None)
        if any(keys is None for keys in found):
            return None
        return set().union(*(keys for keys in found if keys is not None))
    if isinstance(node, Compare) and node.operator == "eq":
        sides = (node.left, node.right)
        named = next((s for s in sides if isinstance(s, Property)), None)
        constant = next((s for s in sides if isinstance(s, Literal)), None)
        return _holding(table, named.name, (constant,)) if named and constant else None
    if isinstance(node, QueryFunction) and node.name == "In":
        name, values = node.arguments.get("PropertyName"), node.arguments.get("PropertyValues")
        if isinstance(name, Literal) and isinstance(values, tuple):
            return _holding(table, str(name.value), values)
    return None


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
