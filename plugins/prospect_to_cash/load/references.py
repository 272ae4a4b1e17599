"""References in keys and bodies, the GUIDs of new records, and bodies as they are sent.

``@{products:KEY}`` is the GUID that the record KEY of entity ``products`` has in the target, and
``@{CustomersV3.PartyNumber:KEY}`` the property that the target answered about a record (one of the card's ``read_back``).
With ``@?{...}``, a reference that is not known yet is left out; without the question mark, the row waits for it. A KEY
that ends in ``/*`` means the oldest record whose key begins with the text before the asterisk. References are
recognized only in properties that end with ``@odata.bind``, in body keys ``ref:<property>`` (sent in creates only) and in
natural keys, so a user's text is never replaced.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal

from prospect_to_cash.plan.identities import Reference

CREATE_ONLY = "ref:"
# In a belief: a property that was ours once (migration 0006).
WAS_OURS = "was:"
_BIND = "@odata.bind"
_REFERENCE = re.compile(r"@(\??)\{(\w+)(?:\.(\w+))?:(.*)\}")


Known = Mapping[Reference, str]
Key = dict[str, str | int]


def reference_in(text: object) -> Reference | None:
    """The reference that a text holds, if it is one."""
    found = _REFERENCE.search(text) if isinstance(text, str) and "@" in text else None
    return Reference(found[2], found[3], found[4], bool(found[1])) if found else None


def wanted(changes: str, target_key: str, own: Mapping[str, object] | None = None) -> set[Reference]:
    """Every reference of a row, except key parts that the target has answered about the record itself (``own``)."""
    found = [reference_in(value) for _, value in _reference_values(changes)] if _may_refer(changes) else []
    if "@" in target_key:
        key = json.loads(target_key)
        found += [reference_in(value) for name, value in key.items() if not (own and own.get(name))]
    return {reference for reference in found if reference}


def resolve_key(target_key: str, known: Known, own: Mapping[str, object] | None = None) -> Key:
    """The natural key with its references replaced; an optional part that is unknown is left out.

    Values that the target has answered about the record itself (``own``) come first.
    """
    key: Key = {}
    for name, value in json.loads(target_key).items():
        reference = reference_in(value)
        if reference is None:
            key[name] = value
        elif own and own.get(name):
            key[name] = str(own[name])
        elif reference in known:
            key[name] = _replaced(value, known[reference])
        elif not reference.optional:
            raise KeyError(reference)
    return key


def key_text(target_key: str, key: Key) -> str:
    """A key as JSON text: the plan's, where it had no references to replace."""
    return json.dumps(key, ensure_ascii=False) if "@" in target_key else target_key


def body_text(changes: str, known: Known, creating: bool, key: str | None) -> str:
    """The body as it is sent: references replaced, create-only properties in creates only.

    ``key`` is the natural key as JSON text, where the body of a create must contain it. Numbers keep their digits.
    """
    if _may_refer(changes):
        body: dict[str, object] = {}
        for name, value in json.loads(changes, parse_float=Decimal).items():
            reference = reference_in(value) if _may_hold_reference(name) else None
            if name.startswith(CREATE_ONLY):
                if not creating or (reference is not None and reference not in known):
                    continue
                name = name.removeprefix(CREATE_ONLY)
            body[name] = value if reference is None else _replaced(str(value), known[reference])
        changes = json_text(body)
    if not key:
        return changes
    return changes if key == "{}" else key if changes == "{}" else f"{key[:-1]}, {changes[1:]}"


def json_text(body: Mapping[str, object]) -> str:
    """JSON text in which decimals keep their digits."""
    fields = ", ".join(f"{json.dumps(name)}: {value_text(value)}" for name, value in body.items())
    return "{" + fields + "}"


def value_text(value: object) -> str:
    """One value as JSON text."""
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def new_id(env_id: str, entity: str, key: Mapping[str, str | int]) -> str:
    """The GUID of a record that does not exist yet, always the same for the same natural key.

    It is the ``uuid5`` of environment, entity and natural key (docs/rulings.md, 1), so an upsert that is repeated after
    a fault finds its own record.
    """
    space = uuid.uuid5(uuid.NAMESPACE_URL, env_id)
    return str(uuid.uuid5(space, f"{entity}:{json.dumps(dict(sorted(key.items())), ensure_ascii=False)}"))


def _replaced(text: str, value: str) -> str:
    return _REFERENCE.sub(lambda _: value, text)


def _may_refer(changes: str) -> bool:
    return _BIND in changes or f'"{CREATE_ONLY}' in changes


def _may_hold_reference(name: str) -> bool:
    return name.endswith(_BIND) or name.startswith(CREATE_ONLY)


def _reference_values(changes: str) -> Iterator[tuple[str, object]]:
    return ((name, value) for name, value in json.loads(changes).items() if _may_hold_reference(name))
