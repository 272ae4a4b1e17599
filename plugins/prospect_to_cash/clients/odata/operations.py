"""One write to a system, and its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Method = Literal["POST", "PATCH", "DELETE"]
SetKind = Literal["done", "refused", "unknown", "not_run"]
Kind = Literal["done", "rejected", "exists", "missing", "stale", "not_run", "unknown"]


@dataclass(frozen=True)
class Operation:
    """One write of one record.

    `entity` is the OData set. `key` addresses the record: a GUID, or the key fields by name; a POST ignores
    it. `body` is JSON, ready to send. `if_match` is an etag, or `*` for "update only"; with `create_only` an
    existing record is not touched. Raises ValueError for combinations that cannot be sent.
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
    """The result of one operation.

    kind: `done`; `rejected` (refused for good, `sentence` says why); `exists` (the key is taken); `missing` (no
    record has the key); `stale` (the record is newer than `if_match`); `not_run` (certainly not executed, safe to
    send again); `unknown` (sent, but perhaps not executed: read the record back before sending a POST again).
    `created` is None where the system does not say. `row` is the record as the system answered it, `entity_id` its
    GUID; `code` and `sentence` are the system's own words; `request_id` is the id that its support asks for.
    `open_try` says that an earlier try of the same call may have been executed, or may still be, whatever the
    kind of the last one; with `unknown` it is always true.
    """

    kind: Kind
    status: int = 0
    created: bool | None = None
    row: bytes | None = field(default=None, repr=False)
    entity_id: str | None = None
    code: str = ""
    sentence: str = ""
    request_id: str = ""
    open_try: bool = False

    def __post_init__(self) -> None:
        if self.kind == "unknown":
            object.__setattr__(self, "open_try", True)


@dataclass(frozen=True)
class SetAnswer:
    """The result of one atomic change set; `answers` has one answer for each of its operations, in their order.

    kind: `done`; `refused` (nothing of it is kept: `refused_part` is the place, from 0, of the operation at fault,
    whose answer is `rejected`, `exists`, `missing` or `stale`, while the others are `not_run`; None when the
    service does not tell, then each answer has its words); `unknown` (sent, but perhaps not executed: read back);
    `not_run` (certainly not executed). With `batches_refused` the service takes no batches, or no change sets, and
    the operations have to go one by one.
    """

    kind: SetKind
    answers: Sequence[Answer]
    refused_part: int | None = None
    batches_refused: bool = False

    @property
    def open_try(self) -> bool:
        """Whether the change set may have been executed, or may still be, without its answer saying so."""
        return self.kind == "unknown" or any(answer.open_try for answer in self.answers)
