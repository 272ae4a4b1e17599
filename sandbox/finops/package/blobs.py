"""A blob store with signed links that expire, at a path of the F&O server (finops-odata sheet, section 10).

Requests need a link and no bearer token. Codes and sentences are those of the public blob service; its whole
protocol is not simulated: a file is put in one request and got in one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from sandbox.clock import Clock
from sandbox.finops.package.switches import Switches
from sandbox.web import Call, Reply

PREFIX = "/blob/"
CONTAINER = "dmf"
_VERSION = "2021-08-06"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


class BlobError(Exception):
    """A link that cannot be followed, as the blob service would answer it."""

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


@dataclass(frozen=True, slots=True)
class Blob:
    content: bytes
    content_type: str
    stored_at: datetime


class BlobStore:
    """Files in memory, forgotten after their days are over or when the sandbox stops."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._blobs: dict[str, Blob] = {}

    def link(self, root: str, name: str, permissions: str, seconds: float) -> str:
        """A signed URL under `root` that is good for so many seconds."""
        ends = (self._clock.now() + timedelta(seconds=seconds)).strftime(_MOMENT)
        query = {"sv": _VERSION, "se": ends, "sr": "b", "sp": permissions}
        query["sig"] = self._signature(name, query)
        return f"{root}{PREFIX}{CONTAINER}/{quote(name, safe='')}?{urlencode(query)}"

    def store(self, name: str, content: bytes, content_type: str = "application/zip") -> None:
        self._blobs[name] = Blob(content, content_type, self._clock.now())

    def read(self, name: str, days: float) -> Blob | None:
        """The file, unless it is gone."""
        blob = self._blobs.get(name)
        if blob is not None and self._clock.now() - blob.stored_at >= timedelta(days=days):
            del self._blobs[name]
            return None
        return blob

    def drop(self, name: str) -> None:
        self._blobs.pop(name, None)

    def follow(self, url: str, days: float) -> bytes:
        """The file behind a link of this store. Raises BlobError."""
        parts = urlsplit(url)
        if not parts.path.startswith(f"{PREFIX}{CONTAINER}/"):
            raise BlobError(400, "InvalidUri", "The package is not in the blob storage of this environment.")
        name = self._check(parts.path.removeprefix(PREFIX), parts.query, "r")
        blob = self.read(name, days)
        if blob is None:
            raise BlobError(404, "BlobNotFound", "The specified blob does not exist.")
        return blob.content

    def handle(self, call: Call, switches: Switches) -> Reply:
        """Answer a request to the store."""
        try:
            return self._answer(call, switches)
        except BlobError as error:
            return error.reply()

    def _answer(self, call: Call, switches: Switches) -> Reply:
        if switches.blob_refuses_authorization and "authorization" in call.headers:
            raise _unauthentic("Make sure the value of Authorization header is formed correctly.")
        if call.method == "PUT":
            return self._put(call, switches)
        if call.method in ("GET", "HEAD"):
            return self._get(call, switches)
        if call.method == "DELETE":
            self.drop(self._check(call.path, call.query, "d"))
            return Reply(202)
        raise BlobError(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")

    def _put(self, call: Call, switches: Switches) -> Reply:
        name = self._check(call.path, call.query, "w")
        kind = call.headers.get("x-ms-blob-type")
        if kind is None:
            raise BlobError(
                400,
                "MissingRequiredHeader",
                "An HTTP header that's mandatory for this request is not specified.",
            )
        if kind != "BlockBlob":
            raise BlobError(
                400,
                "InvalidHeaderValue",
                "The value for one of the HTTP headers is not in the correct format.",
            )
        if len(call.body) > switches.largest_blob:
            raise BlobError(413, "RequestBodyTooLarge", "The request body is too large.")
        self.store(name, call.body, call.headers.get("content-type", "application/octet-stream"))
        return Reply(201, self._headers(name))

    def _get(self, call: Call, switches: Switches) -> Reply:
        name = self._check(call.path, call.query, "r")
        blob = self.read(name, switches.blob_days)
        if blob is None:
            raise BlobError(404, "BlobNotFound", "The specified blob does not exist.")
        headers = {**self._headers(name), "Content-Type": blob.content_type, "x-ms-blob-type": "BlockBlob"}
        return Reply(200, headers, blob.content)

    def _headers(self, name: str) -> dict[str, str]:
        blob = self._blobs[name]
        digest = hashlib.md5(blob.content, usedforsecurity=False).digest()
        return {
            "ETag": f'"0x{digest.hex()[:15].upper()}"',
            "Last-Modified": format_datetime(blob.stored_at.replace(microsecond=0), usegmt=True),
            "Content-MD5": base64.b64encode(digest).decode("ascii"),
            "x-ms-version": _VERSION,
        }

    def _check(self, path: str, query: str, permission: str) -> str:
        """The name of the file to which a signed path leads. Raises BlobError."""
        container, _, rest = path.partition("/")
        name = unquote(rest)
        if container != CONTAINER or not name:
            raise BlobError(404, "ResourceNotFound", "The specified resource does not exist.")
        given = {key: values[0] for key, values in parse_qs(query).items()}
        signed = {key: given.get(key, "") for key in ("sv", "se", "sr", "sp")}
        if not hmac.compare_digest(self._signature(name, signed), given.get("sig", "")):
            raise _unauthentic("Signature did not match.")
        if self._clock.now().strftime(_MOMENT) >= signed["se"]:
            raise _unauthentic("Signature not valid in the specified time frame.")
        if permission not in signed["sp"]:
            raise BlobError(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )
        return name

    def _signature(self, name: str, signed: dict[str, str]) -> str:
        text = "\n".join((name, *(signed[key] for key in ("sv", "se", "sr", "sp"))))
        return base64.b64encode(hmac.digest(self._secret, text.encode("utf-8"), "sha256")).decode("ascii")


def _unauthentic(detail: str) -> BlobError:
    return BlobError(403, "AuthenticationFailed", f"Server failed to authenticate the request. {detail}")
