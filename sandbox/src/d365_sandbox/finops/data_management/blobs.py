"""A blob store with signed links that expire, at a path of the F&O server (finops-odata sheet, section 10).

Requests need a link and no bearer token. A file is put as a whole or in blocks and got as a whole or in a range;
codes and sentences are those of the public blob service, of whose protocol no more is simulated.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from d365_sandbox.clock import Clock
from d365_sandbox.finops.data_management.blob_errors import BlobError, not_found, unauthentic
from d365_sandbox.finops.data_management.blocks import Blocks
from d365_sandbox.finops.data_management.keep import Keep
from d365_sandbox.finops.switches import Switches
from d365_sandbox.web.messages import Call, Reply

PREFIX = "/blob/"
CONTAINER = "dmf"
_VERSION = "2021-08-06"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_SIGNED = ("sv", "se", "sr", "sp")
_FILE, _SECRET = "blob", "secret"


@dataclass(frozen=True, slots=True)
class Blob:
    content: bytes
    content_type: str
    stored_at: datetime


class BlobStore:
    """Files that are forgotten after their days are over. They and their links outlive a restart, blocks that wait
    for their list do not."""

    def __init__(self, clock: Clock, keep: Keep) -> None:
        self._clock = clock
        self._keep = keep
        self._blocks = Blocks()
        self._blobs = {
            name: (content_type, datetime.fromisoformat(stored_at))
            for name, (content_type, stored_at) in keep.take(_FILE).items()
        }
        found = keep.take(_SECRET).get(_SECRET)
        self._secret = bytes.fromhex(found) if found else secrets.token_bytes(32)
        if not found:
            keep.put(_SECRET, _SECRET, self._secret.hex())

    def link(self, root: str, name: str, permissions: str, seconds: float) -> str:
        """A signed URL under `root` that is good for so many seconds."""
        ends = (self._clock.now() + timedelta(seconds=seconds)).strftime(_MOMENT)
        query = {"sv": _VERSION, "se": ends, "sr": "b", "sp": permissions}
        query["sig"] = self._signature(name, query)
        return f"{root}{PREFIX}{CONTAINER}/{quote(name, safe='')}?{urlencode(query)}"

    def store(self, name: str, content: bytes, content_type: str = "application/zip") -> None:
        now = self._clock.now()
        self._keep.write(_FILE, name, content)
        self._keep.put(_FILE, name, [content_type, now.isoformat()])
        self._blobs[name] = (content_type, now)

    def exists(self, name: str, days: float) -> bool:
        """Whether the file is there; one whose days are over goes."""
        found = self._blobs.get(name)
        if found is not None and self._clock.now() - found[1] >= timedelta(days=days):
            self.drop(name)
        return name in self._blobs

    def read(self, name: str, days: float) -> Blob | None:
        """The file, unless it is gone."""
        content = self._keep.read(_FILE, name) if self.exists(name, days) else None
        return None if content is None else Blob(content, *self._blobs[name])

    def drop(self, name: str) -> None:
        if self._blobs.pop(name, None) is not None:
            self._keep.drop(_FILE, name)
            self._keep.remove(_FILE, name)

    def follow(self, url: str, days: float) -> bytes:
        """The file behind a link of this store. Raises BlobError."""
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if not parts.path.startswith(f"{PREFIX}{CONTAINER}/"):
            raise BlobError(400, "InvalidUri", "The package is not in the blob storage of this environment.")
        name = self._check(parts.path.removeprefix(PREFIX), parts.query, "r")
        blob = self.read(name, days)
        if blob is None:
            raise not_found()
        return blob.content

    def handle(self, call: Call, switches: Switches) -> Reply:
        """Answer a request to the store."""
        try:
            return self._answer(call, switches)
        except BlobError as error:
            return error.reply()

    def _answer(self, call: Call, switches: Switches) -> Reply:
        if switches.blob_refuses_authorization and "authorization" in call.headers:
            raise unauthentic("Make sure the value of Authorization header is formed correctly.")
        if call.method == "PUT":
            return self._put(call, switches)
        if call.method in ("GET", "HEAD"):
            return self._get(call, switches)
        raise BlobError(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")

    def _put(self, call: Call, switches: Switches) -> Reply:
        name = self._check(call.path, call.query, "w")
        if len(call.body) > switches.largest_blob:
            raise BlobError(413, "RequestBodyTooLarge", "The request body is too large.")
        query = parse_qs(call.query)
        step = query.get("comp", [""])[0]
        if step == "block":
            self._blocks.put(name, query.get("blockid", [""])[0], call.body, switches.largest_blob)
            return Reply(201, {"x-ms-version": _VERSION})
        kind = call.headers.get("x-ms-blob-type")
        if kind is None and step != "blocklist":
            raise BlobError(
                400,
                "MissingRequiredHeader",
                "An HTTP header that's mandatory for this request is not specified.",
            )
        if step not in ("", "blocklist") or kind not in ("BlockBlob", None):
            raise BlobError(
                400,
                "InvalidHeaderValue",
                "The value for one of the HTTP headers is not in the correct format.",
            )
        if call.headers.get("if-none-match") == "*" and self.exists(name, switches.blob_days):
            raise BlobError(409, "BlobAlreadyExists", "The specified blob already exists.")
        content = self._blocks.commit(name, call.body) if step else call.body
        content_type = call.headers.get("x-ms-blob-content-type") or call.headers.get("content-type")
        self.store(name, content, content_type or "application/octet-stream")
        return Reply(201, _headers(Blob(content, *self._blobs[name])))

    def _get(self, call: Call, switches: Switches) -> Reply:
        blob = self.read(self._check(call.path, call.query, "r"), switches.blob_days)
        if blob is None:
            raise not_found()
        headers = {**_headers(blob), "Content-Type": blob.content_type, "x-ms-blob-type": "BlockBlob"}
        headers["Accept-Ranges"] = "bytes"
        wanted = call.headers.get("x-ms-range") or call.headers.get("range") or ""
        found = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{0,18})", wanted)
        if found is None:
            return Reply(200, headers, blob.content)
        first, size = int(found[1]), len(blob.content)
        last = min(int(found[2] or size), size - 1)
        if first > last:
            raise BlobError(
                416, "InvalidRange", "The range specified is invalid for the current size of the resource."
            )
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Reply(206, headers, blob.content[first : last + 1])

    def _check(self, path: str, query: str, permission: str) -> str:
        """The name of the file to which a signed path leads. Raises BlobError."""
        container, _, rest = path.partition("/")
        name = unquote(rest)
        if container != CONTAINER or not name:
            raise BlobError(404, "ResourceNotFound", "The specified resource does not exist.")
        given = {key: values[0] for key, values in parse_qs(query).items()}
        signed = {key: given.get(key, "") for key in _SIGNED}
        signature = given.get("sig", "").encode("utf-8", "replace")
        if not hmac.compare_digest(self._signature(name, signed).encode("ascii"), signature):
            raise unauthentic("Signature did not match.")
        if self._clock.now().strftime(_MOMENT) >= signed["se"]:
            raise unauthentic("Signature not valid in the specified time frame.")
        if permission not in signed["sp"]:
            raise BlobError(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )
        return name

    def _signature(self, name: str, signed: dict[str, str]) -> str:
        text = "\n".join((name, *(signed[key] for key in _SIGNED)))
        digest = hmac.digest(self._secret, text.encode("utf-8", "replace"), "sha256")
        return base64.b64encode(digest).decode("ascii")


def _headers(blob: Blob) -> dict[str, str]:
    digest = hashlib.md5(blob.content, usedforsecurity=False).digest()
    return {
        "ETag": f'"0x{digest.hex()[:15].upper()}"',
        "Last-Modified": format_datetime(blob.stored_at.replace(microsecond=0), usegmt=True),
        "Content-MD5": base64.b64encode(digest).decode("ascii"),
        "x-ms-request-id": str(uuid.uuid4()),
        "x-ms-version": _VERSION,
    }
