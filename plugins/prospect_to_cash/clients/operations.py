"""What is sent to a system, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Method = Literal["POST", "PATCH", "DELETE"]
Kind = Literal["done", "rejected", "exists", "missing", "stale", "not_run", "unknown"]


@dataclass(frozen=True)
class Operation:
    """One write of one record.

    `entity` is the OData set. `key` addresses the record: a GUID, or the key fields by name; a POST ignores
    it. `body` is JSON, ready to send. `if_match` is an etag, or `*` for "update only"; `create_only` refuses
    to touch an existing record. Raises ValueError when these do not go together.
    """

    method: Method
    entity: str
    key: Mapping[str, str | int] | str | None
    body: bytes | None = field(default=None, repr=False)
    if_match: str | None = None
    create_only: bool = False

    def __post_init__(self) -> None:
        if self.method not in ("POST", "PATCH", "DELETE"):
            raise ValueError(f"{self.method} of {self.entity}: a write is a POST, a PATCH or a DELETE.")
        if self.method != "POST" and not self.key:
            raise ValueError(f"{self.method} of {self.entity} needs the key of the record.")
        if self.method != "DELETE" and self.body is None:
            raise ValueError(f"{self.method} of {self.entity} needs a body.")
        if self.if_match and (self.create_only or any(c in self.if_match for c in "\r\n")):
            raise ValueError(f"{self.method} of {self.entity}: if_match {self.if_match!r} cannot be sent.")

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice ends, and answers, as sending it once."""
        return self.method != "POST" and not self.create_only and self.if_match in (None, "*")


@dataclass(frozen=True)
class Answer:
    """What one operation came to.

    kind: `done`; `rejected` (a permanent refusal, `sentence` says why); `exists` (the key is taken);
    `missing` (no record under the key); `stale` (the record is newer than `if_match`); `not_run` (certainly
    not executed, safe to send again); `unknown` (sent, but whether it was executed is not known: read back
    before a POST is sent again). `created` is None where the system does not tell. `row` is the record as the
    system answered it, `entity_id` the GUID of the record, `code` and `sentence` the system's own words,
    `request_id` what its support asks for.
    """

    kind: Kind
    status: int = 0
    created: bool | None = None
    row: bytes | None = field(default=None, repr=False)
    entity_id: str | None = None
    code: str = ""
    sentence: str = ""
    request_id: str = ""
