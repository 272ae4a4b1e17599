"""Refusals of the blob store, as the public blob service writes them."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from d365_sandbox.web.messages import Reply


class BlobError(Exception):
    """A request that the blob store refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def reply(self) -> Reply:
        body = (
            f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{self.code}</Code>'
            f"<Message>{escape(self.message)}\nRequestId:{uuid.uuid4()}</Message></Error>"
        )
        headers = {"Content-Type": "application/xml", "x-ms-error-code": self.code}
        return Reply(self.status, headers, body.encode("utf-8"))


def not_found() -> BlobError:
    return BlobError(404, "BlobNotFound", "The specified blob does not exist.")


def unauthentic(detail: str) -> BlobError:
    return BlobError(403, "AuthenticationFailed", f"Server failed to authenticate the request. {detail}")
