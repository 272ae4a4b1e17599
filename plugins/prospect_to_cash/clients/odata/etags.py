"""Servers that require an etag with every change: it is read, and the change is sent again with it.

A service may answer 428 to a change that names no version (RFC 6585, section 3; OData 4.0 part 1, 8.2.8).
"""

from dataclasses import replace

from prospect_to_cash.clients.odata.answers import read_etag
from prospect_to_cash.clients.odata.operations import Answer, Operation
from prospect_to_cash.clients.odata.session import Session
from prospect_to_cash.errors import P2CError, Refused

REQUIRED = 428


class RequiredEtags:
    """The operations of one list of writes for which the server required an etag, by their place in the list."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._required: set[int] = set()
        self._missing: dict[int, str] = {}

    def applied(self, index: int, operation: Operation) -> Operation:
        """The operation to send: with the record's present etag where the server requires one."""
        if index not in self._required:
            return operation
        etag = self._read(index, operation)
        return replace(operation, if_match=etag) if etag else operation

    def judged(self, index: int, operation: Operation, answer: Answer) -> Answer:
        """The answer, corrected: it is `not_run` when the etag was required or outdated, and may be sent again.

        A record that was not found when its etag was read is `missing`.
        """
        if not _is_ours(operation):
            return answer
        if answer.status == REQUIRED:
            if index in self._missing:
                return replace(answer, kind="missing", sentence=self._missing[index])
            first_time = index not in self._required
            self._required.add(index)
            return replace(answer, kind="not_run") if first_time else answer
        if index in self._required and answer.status == 412:
            return replace(answer, kind="not_run")
        return answer

    def require(self, index: int, operation: Operation) -> None:
        """From now on the operation is sent with the record's present etag, unless the caller named one."""
        if _is_ours(operation):
            self._required.add(index)

    def _read(self, index: int, operation: Operation) -> str | None:
        part = self._session.write_part(replace(operation, if_match=None))
        try:
            return self._session.get(part.url, read_etag, what=operation.entity)
        except Refused as error:
            if error.status == 404:
                self._missing[index] = str(error)
        except P2CError:
            pass  # the write is refused again, with a reason
        return None


def _is_ours(operation: Operation) -> bool:
    """Whether the caller left it open which version of the record is changed."""
    return operation.if_match in (None, "*") and operation.method != "POST" and not operation.create_only
