"""A source that a test can edit, slow down and break: accounts behind the Dataverse Web API's protocol."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

API = "/api/data/v9.2/"
ENTITY = "accounts"
_TERM = re.compile(r"(\w+) (ge|lt|eq) ([^\s()]+)")


class Source:
    """One organisation. ``now`` is its clock; edits bear it, cut to whole seconds as Dataverse does."""

    def __init__(self, page_size: int = 2) -> None:
        self.organization = str(uuid.uuid4())
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.page_size = page_size
        self.rows: dict[str, dict] = {}
        self.verbatim: dict[str, bytes] = {}
        self.version = 1000
        self.overlapping_pages = False
        self.spaces = False
        self.hidden: set[str] = set()
        self.reads: list[dict[str, str]] = []
        self.tracked_reads: list[dict[str, str]] = []
        self.tracking = True
        self.deleted: dict[str, int] = {}
        self.oldest_token = 0
        self.restores = 0
        self.expiry = (400, "0x80044352")
        self.token_speaks_from = "first"
        self.page_body: Callable[[int], bytes | None] = lambda page: None
        self.fault: Callable[[int], int | None] = lambda page: None
        self.gate: tuple[int, threading.Event, threading.Event] | None = None
        self.broken: dict[str, int] = {}
        self.body_of: Callable[[str], bytes | None] = lambda entity: None
        self.seconds_per_page = 0.0
        self.retry_after = 0
        self.entities: list[str] = []
        self.tokens = self.identities = self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, number: int, at: datetime | None = None, **fields: object) -> str:
        """Create or edit the account with this number; returns its id."""
        key = account_id(number)
        self.version += 1
        stamp = (at or self.now).astimezone(UTC).replace(microsecond=0)
        row = {"@odata.etag": f'W/"{self.version}"', "accountid": key, **self.rows.get(key, {}), **fields}
        row |= {"@odata.etag": f'W/"{self.version}"', "versionnumber": self.version}
        row["modifiedon"] = stamp.isoformat().replace("+00:00", "Z")
        self.rows[key] = row
        self.verbatim.pop(key, None)
        return key

    def put_bytes(self, number: int, name: bytes) -> str:
        """An account whose name stands in the answer as these bytes."""
        key = self.put(number, name="@@")
        self.verbatim[key] = self.text(key).replace(b"@@", name)
        return key

    def delete(self, number: int) -> None:
        self.rows.pop(account_id(number), None)
        self.version += 1
        self.deleted[account_id(number)] = self.version

    def expire_tokens(self, status: int = 400, code: str = "0x80044352") -> None:
        """No token that was given until now is known any more."""
        self.oldest_token, self.expiry = self.version + 1, (status, code)
        self.version += 1

    def new_organization(self) -> None:
        """Become another organisation, without records; its clock goes on."""
        self.organization = str(uuid.uuid4())
        self.rows, self.verbatim, self.deleted = {}, {}, {}
        self.version, self.restores = 1000, 0

    def backup(self) -> tuple:
        return self.version, {key: dict(row) for key, row in self.rows.items()}, dict(self.deleted)

    def restore(self, backup: tuple) -> None:
        """Go back to an earlier state, its versions included; no token that was given until now is known any more."""
        self.version, rows, deleted = backup
        self.rows, self.deleted = {key: dict(row) for key, row in rows.items()}, dict(deleted)
        self.verbatim = {}
        self.restores += 1

    @contextmanager
    def counted(self, entity: str) -> Iterator[None]:
        """A page of a set is asked for: which, and how many at the same time."""
        with self._lock:
            self.entities.append(entity)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.seconds_per_page)
            yield
        finally:
            with self._lock:
                self.at_once -= 1

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)

    def stop_at_page(self, number: int) -> tuple[threading.Event, threading.Event]:
        """Hold back the page with this number; returns (it is being asked for, let it go)."""
        self.gate = (number, threading.Event(), threading.Event())
        return self.gate[1], self.gate[2]

    def text(self, key: str) -> bytes:
        return self.verbatim.get(key) or json.dumps(self.rows[key], separators=(",", ":")).encode()

    def page(self, query: dict[str, str]) -> tuple[list[bytes], str | None]:
        if "$deltatoken" in query:
            return self.changes(query)
        keys = sorted(key for key in self.rows if key not in self.hidden and _matches(self.rows[key], query))
        after = query.get("$skiptoken", "")
        left = [key for key in keys if key > after]
        if after and self.overlapping_pages:
            left = [max(key for key in keys if key <= after), *left]
        shown = left[: self.page_size + (1 if after and self.overlapping_pages else 0)]
        link = None
        if len(left) > len(shown):
            rest = "&".join(f"{name}={quote(value)}" for name, value in query.items() if name != "$skiptoken")
            link = f"{self.url}{API}{ENTITY}?{rest}&$skiptoken={shown[-1]}"
        return [self.text(key) for key in shown], link

    def changes(self, query: dict[str, str]) -> tuple[list[bytes], str | None]:
        """What is newer than the token, by version, and then what was deleted after it."""
        since, upto = _token(query)
        known = [(row["versionnumber"], self.text(key)) for key, row in self.rows.items()]
        gone = [(version, _deletion(key)) for key, version in self.deleted.items() if key not in self.rows]
        entries = [
            text
            for found in (known, gone)
            for version, text in sorted(found)
            if since < version <= (upto or self.version)
        ]
        start = int(query.get("$skiptoken", "0"))
        link = None
        if len(entries) > start + self.page_size:
            token = f"{self.restores}.{since}-{upto or self.version}"
            link = f"{self.url}{API}{ENTITY}?$deltatoken={token}&$skiptoken={start + self.page_size}"
        return entries[start : start + self.page_size], link

    def delta_link(self, query: dict[str, str], first_version: int) -> str:
        """The link that stands on the last page."""
        _, upto = _token(query)
        version = first_version if self.token_speaks_from == "first" else self.version
        return f"{self.url}{API}{ENTITY}?$deltatoken={self.restores}.{upto or version}"


def account_id(number: int) -> str:
    return f"{number:08}-0000-4000-8000-000000000000"


def _token(query: dict[str, str]) -> tuple[int, int]:
    """The version since which changes are asked for, and up to which the list goes; 0: not said."""
    since, _, upto = query.get("$deltatoken", "").rpartition(".")[2].partition("-")
    return int(since or 0), int(upto or 0)


def _deletion(key: str) -> bytes:
    row = {"@odata.context": "c#accounts/$deletedEntity", "id": key, "reason": "deleted"}
    return json.dumps(row, separators=(",", ":")).encode()


def _matches(row: dict, query: dict[str, str]) -> bool:
    terms = _TERM.findall(query.get("$filter", ""))
    if any(operator == "eq" for _, operator, _ in terms):
        return any(row[name] == value for name, _, value in terms)
    compare = {"ge": lambda a, b: a >= b, "lt": lambda a, b: a < b}
    return all(
        row[name] is not None and compare[operator](_moment(row[name]), _moment(value))
        for name, operator, value in terms
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            source.tokens += 1
            self.answer(
                200, json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}).encode()
            )

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == API + "WhoAmI":
                source.identities += 1
                who = {"OrganizationId": source.organization, "UserId": str(uuid.uuid4())}
                self.answer(200, json.dumps(who).encode())
                return
            entity = url.path.removeprefix(API)
            with source.counted(entity):
                self.answer_page(entity, query)

        def answer_page(self, entity: str, query: dict[str, str]) -> None:
            source.reads.append(query)
            number = len(source.reads)
            if source.gate and source.gate[0] == number:
                source.gate[1].set()
                source.gate[2].wait(30)
            if status := source.broken.get(entity) or source.fault(number):
                self.answer(status, b'{"error":{"code":"0x0","message":"out of order"}}')
                return
            tracked = "odata.track-changes" in self.headers.get("Prefer", "") or "$deltatoken" in query
            if tracked:
                source.tracked_reads.append(query)
                if error := self.refused(query):
                    self.answer(*error)
                    return
            if "$skiptoken" not in query:
                source.version_at_first_page = source.version
            if (body := source.body_of(entity) or source.page_body(number)) is not None:
                self.answer(200, body)
                return
            rows, link = source.page(query)
            tail = b',"@odata.nextLink":' + json.dumps(link).encode() if link else b""
            if tracked and source.tracking and not link:
                delta = source.delta_link(query, source.version_at_first_page)
                tail = b',"@odata.deltaLink":' + json.dumps(delta).encode()
            between = b", " if source.spaces else b","
            self.answer(200, b'{"@odata.context":"c","value":[' + between.join(rows) + b"]" + tail + b"}")

        def refused(self, query: dict[str, str]) -> tuple[int, bytes] | None:
            for option in ("$filter", "$orderby", "$expand", "$top"):
                if option in query:
                    text = f'The \\"{option}\\" query parameter isn\'t supported when Change Tracking is enabled.'
                    return 400, b'{"error":{"code":"0x0","message":"%s"}}' % text.encode()
            restores = query.get("$deltatoken", "").partition(".")[0]
            if restores and (int(restores) < source.restores or _token(query)[0] < source.oldest_token):
                status, code = source.expiry
                return (
                    status,
                    b'{"error":{"code":"%s","message":"Version stamp has expired."}}' % code.encode(),
                )
            return None

        def answer(self, status: int, body: bytes) -> None:
            self.send_response_only(status)
            self.send_header("Date", format_datetime(source.now, usegmt=True))
            self.send_header("Content-Type", "application/json; odata.metadata=minimal")
            self.send_header("Content-Length", str(len(body)))
            if status == 429:
                self.send_header("Retry-After", str(source.retry_after))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
