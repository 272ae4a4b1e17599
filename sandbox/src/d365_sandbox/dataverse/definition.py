"""One piece of metadata as the Web API shows it, and the parts that all pieces share: labels, managed properties,
stable ids."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LANGUAGE = 1033
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "metadata of the sandbox")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Definition:
    """A table, column, key, relationship or option set.

    `type_name` is what it is, `declared` the type of the collection that it stands in; `data` are its properties and
    `links` its navigation properties.
    """

    type_name: str
    declared: str
    data: Json
    links: Mapping[str, Callable[[], Definition | list[Definition] | None]] = field(default_factory=dict)

    @property
    def is_derived(self) -> bool:
        return self.type_name != self.declared


def metadata_id(*names: str) -> str:
    """The same id for the same thing in every organisation and every run."""
    return str(uuid.uuid5(_IDS, "/".join(names)))


def label(text: str, *names: str) -> Json:
    """A text in the one language of the organisation."""
    localized = {
        "Label": text,
        "LanguageCode": LANGUAGE,
        "IsManaged": True,
        "MetadataId": metadata_id("label", *names),
        "HasChanged": None,
    }
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": localized}


def no_label() -> Json:
    return {"LocalizedLabels": [], "UserLocalizedLabel": None}


def managed(value: bool, name: str) -> Json:
    """A property that an organisation may be allowed to change."""
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def words(name: str) -> str:
    """`AccountNumber` or `address1_line1` as a heading (labels of the service are not published; assumed)."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_+", " ", name).strip()
    return spaced[:1].upper() + spaced[1:]
