"""Servers that demand an etag with every change: it is fetched, and the change is sent again with it.

A service may answer 428 to a change that names no version (RFC 6585, section 3; OData 4.0 part 1, 8.2.8).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from prospect_to_cash.clients.answers import read_etag
from prospect_to_cash.clients.operations import Answer, Operation
from prospect_to_cash.errors import P2CError

if TYPE_CHECKING:
    from prospect_to_cash.clients.odata import SystemClient

DEMANDED = 428


class Etags:
    """The etags that one course of writing was asked for, by the place of the operation."""

    def __init__(self, client: "SystemClient") -> None:
        self._client = client
        self._demanded: set[int] = set()

    def applied(self, index: int, operation: Operation) -> Operation:
        """The operation as it is sent: with the record's etag of this moment where the server demands one."""
        if index not in self._demanded:
            return operation
        etag = self._fetched(operation)
        return replace(operation, if_match=etag) if etag else operation

    def judged(self, index: int, operation: Operation, answer: Answer) -> Answer:
        """The answer; a demand, and a record that changed since its etag was fetched, count as not run."""
        asked_by_us = (
            operation.if_match in (None, "*") and operation.method != "POST" and not operation.create_only
        )
        if not asked_by_us:
            return answer
        if answer.status == DEMANDED:
            again = index not in self._demanded
            self._demanded.add(index)
            return replace(answer, kind="not_run") if again else answer
        if index in self._demanded and answer.status == 412:
            return replace(answer, kind="not_run")
        return answer

    def _fetched(self, operation: Operation) -> str | None:
        part = self._client.write_part(replace(operation, if_match=None))
        try:
            return self._client.get(part.url, read_etag, what=operation.entity)
        except P2CError:
            return None  # the write will be refused again, and says why
