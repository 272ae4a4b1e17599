"""GUIDs inside bodies: references to other records, and the ids of new ones.

A body says ``"/products(@{products:KEY})"`` in a property that ends with ``@odata.bind``; the text
is replaced by the GUID that the record KEY of entity ``products`` has in the target. Only such
properties, and the natural key of a record, are looked at, so no user's text is ever replaced.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping

REFERENCE = re.compile(r"@\{(\w+):(.*)\}")
_BOUND = re.compile(r'("[^"\\]*@odata\.bind": ?)("(?:[^"\\]|\\.)*")')


def wanted(changes: str, target_key: str) -> set[tuple[str, str]]:
    """(entity, source_key) of every record that a row refers to."""
    texts = [json.loads(match[2]) for match in _BOUND.finditer(changes)]
    texts += [str(value) for value in json.loads(target_key).values()]
    return {(found[1], found[2]) for text in texts if (found := REFERENCE.search(text))}


def resolve_body(changes: str, ids: Mapping[tuple[str, str], str]) -> str:
    """The body with every bound reference replaced by its GUID; the rest of the text is untouched."""
    if "@{" not in changes:
        return changes
    return _BOUND.sub(lambda match: match[1] + json.dumps(_replace(json.loads(match[2]), ids)), changes)


def resolve_key(target_key: str, ids: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """The natural key with its references replaced."""
    return {name: _replace(str(value), ids) for name, value in json.loads(target_key).items()}


def new_id(env_id: str, entity: str, key: Mapping[str, str]) -> str:
    """The GUID of a record that does not exist yet: the same for the same natural key, for ever.

    ``uuid5`` of environment, entity and natural key (ruling 1), so that an upsert repeated after
    any fault meets its own record.
    """
    space = uuid.uuid5(uuid.NAMESPACE_URL, env_id)
    return str(uuid.uuid5(space, f"{entity}:{json.dumps(dict(sorted(key.items())), ensure_ascii=False)}"))


def _replace(text: str, ids: Mapping[tuple[str, str], str]) -> str:
    return REFERENCE.sub(lambda match: ids[(match[1], match[2])], text)
