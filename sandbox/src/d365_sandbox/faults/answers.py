"""Effects that respond instead of the service: documented errors, HTML pages, expired tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from d365_sandbox.faults.exchange import Effect, Exchange
from d365_sandbox.finops import errors as finops_errors
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Reply

_JSON = "application/json; odata.metadata=minimal"
_HTML = "text/html; charset=utf-8"
_SIGN_IN = (
    "<!DOCTYPE html><html><head><title>Sign in to your account</title></head><body>Sign in</body></html>"
)
_SALES = {
    400: ("0x80040203", "The request is not valid."),
    403: ("0x80040220", "Principal user is missing a privilege for this operation."),
    404: ("0x80040217", "The row Does Not Exist"),
    412: ("0x80060882", "The version of the existing record doesn't match the RowVersion property provided."),
    428: ("0x80060883", "The version of the record must be provided in the If-Match header."),
    429: ("0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
    500: ("0x80040216", "An unexpected error occurred."),
}
_FINOPS = {
    429: "This request could not be processed at this time due to system experiencing high resource utilization.",
}


@dataclass(frozen=True, slots=True)
class Status(Effect):
    """Answers with a status. `executes` lets the service do its work first, so that only the answer is lost.

    Without `body` the answer is the documented one: an HTML page for 408, 502, 503 and 504 (or with `html`),
    nothing for 401, else the error envelope of the system with `code` and `message`. `retry_after` is in
    seconds, `retry_after_date` writes them as an HTTP date.
    """

    status: int
    code: str = ""
    message: str = ""
    body: Any = None
    html: bool = False
    content_type: str = ""
    retry_after: int | None = None
    retry_after_date: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    executes: bool = False
    kind = "status"

    def before(self, exchange: Exchange) -> Reply | None:
        return None if self.executes else self._reply(exchange)

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        if not self.executes:
            return reply
        spoiled = self._reply(exchange)
        spoiled.operations = reply.operations
        return spoiled

    def _reply(self, exchange: Exchange) -> Reply:
        reply = self._documented(exchange)
        if self.body is not None:
            is_text = isinstance(self.body, str)
            reply.body = self.body.encode("utf-8") if is_text else dumps(self.body)
            reply.headers["Content-Type"] = "text/plain; charset=utf-8" if is_text else _JSON
        if self.content_type:
            reply.headers["Content-Type"] = self.content_type
        if self.retry_after is not None:
            seconds = self.retry_after
            text = exchange.http_date(seconds) if self.retry_after_date else str(seconds)
            reply.headers["Retry-After"] = text
        reply.headers.update(self.headers)
        return reply

    def _documented(self, exchange: Exchange) -> Reply:
        status = self.status
        if status == 401:
            challenge = exchange.desk.challenge(exchange.authorization, exchange.root)
            return Reply(401, {"WWW-Authenticate": challenge})
        if self.html or status in (408, 502, 503, 504):
            return Reply(status, {"Content-Type": _HTML}, _page(status))
        if status < 400:
            return Reply(status)
        if exchange.system == "finops":
            text = self.message or _FINOPS.get(status) or _phrase(status)
            reply = finops_errors.Refused(status, text).reply(in_batch=False)
            return Reply(status, reply.headers, reply.body)
        usual_code, usual_text = _SALES.get(status, ("0x0", _phrase(status)))
        error = {"code": self.code or usual_code, "message": self.message or usual_text}
        return Reply(status, {"Content-Type": _JSON, "OData-Version": "4.0"}, dumps({"error": error}))


@dataclass(frozen=True, slots=True)
class HtmlPage(Effect):
    """A sign-in page with status 200 where JSON was asked for, as a gateway in between may answer."""

    body: str = _SIGN_IN
    status: int = 200
    kind = "html"

    def before(self, exchange: Exchange) -> Reply | None:
        return Reply(self.status, {"Content-Type": _HTML}, self.body.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class TokensExpire(Effect):
    """Every token issued so far is stale from this request on, which is answered with 401."""

    kind = "tokens_expire"

    def before(self, exchange: Exchange) -> Reply | None:
        exchange.desk.expire_all()
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _page(status: int) -> bytes:
    title = f"{status} {_phrase(status)}"
    return (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h2>{title}</h2>"
        "<p>The service is unavailable. Our services aren't available right now.</p></body></html>"
    ).encode()
