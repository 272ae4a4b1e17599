"""The HTTP client that msal is given: one deadline per request, no redirects, and three answers that msal needs changed.

msal accepts https authorities only and asks each for its endpoints first. The authority of the local sandbox (plain
http on this machine) is therefore passed to msal as https; here its requests travel as http, and msal's question for
endpoints is answered with the documented Entra paths. Managed identity endpoints may write `expires_on` as a date,
where msal expects seconds.
"""

import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from prospect_to_cash.clients.http.throttle import retry_after
from prospect_to_cash.clients.http.transport import (
    Busy,
    deadline_session,
    plain_failures,
    request_deadline,
    total_timeout,
)
from prospect_to_cash.errors import Misconfigured, Throttled

LONGEST_REQUEST = 30.0
DEFAULT_WAIT = 30.0
UNREADABLE_EXPIRY = 600.0
"""Seconds that a token counts as valid when its expiry cannot be read."""
_DATE_FORMS = ("%m/%d/%Y %I:%M:%S %p %z", "%m/%d/%Y %H:%M:%S %z", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S")


class MsalHttpClient:
    """`authority` is the origin of a local authority, if there is one."""

    def __init__(self, authority: str = "") -> None:
        self._session = deadline_session()
        self._plain = authority if urlsplit(authority).scheme == "http" else ""

    def get(self, url: str, **kwargs: Any) -> requests.Response:
        if self._plain and url.endswith("/.well-known/openid-configuration"):
            return _discovery(url)
        response = self._send("GET", url, **kwargs)
        _convert_expiry(response)
        return response

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("POST", url, **kwargs)

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        if self._plain and url.startswith(self._plain.replace("http:", "https:", 1) + "/"):
            url = url.replace("https:", "http:", 1)
        host = urlsplit(url).netloc
        seconds = min(request_deadline(), LONGEST_REQUEST)
        with plain_failures(host, seconds):
            response = self._session.request(
                method, url, **{**kwargs, "timeout": total_timeout(seconds), "allow_redirects": False}
            )
        if response.status_code == 429:
            wait = retry_after(response.headers)
            wait = DEFAULT_WAIT if wait is None else wait
            raise Throttled(f"{host} throttles token requests: retry in {wait:.0f} seconds.", wait)
        if response.status_code >= 500:
            raise Busy(f"{host} issues no token at the moment: HTTP {response.status_code}.")
        if 300 <= response.status_code < 400:
            raise Misconfigured(
                f"{host} redirects the token request elsewhere: check the authority of the connection."
            )
        return response


def _discovery(url: str) -> requests.Response:
    """The answer to msal's question for endpoints, for an authority that has a token endpoint and nothing else."""
    root = url.removesuffix("/v2.0/.well-known/openid-configuration")
    response = requests.Response()
    response.status_code = 200
    endpoints = {
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "token_endpoint": f"{root}/oauth2/v2.0/token",
    }
    response._content = json.dumps({"issuer": f"{root}/v2.0", **endpoints}).encode()
    return response


def _convert_expiry(response: requests.Response) -> None:
    """Rewrite an `expires_on` that is a date to seconds since 1970. Any other answer stays as it is."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return
    expiry = body.get("expires_on") if isinstance(body, dict) else None
    if not isinstance(expiry, str) or expiry.strip().isdigit():
        return
    moment = _moment(expiry.strip())
    seconds = moment.timestamp() if moment else time.time() + UNREADABLE_EXPIRY
    response._content = json.dumps({**body, "expires_on": str(int(seconds))}).encode()


def _moment(text: str) -> datetime | None:
    """A date in ISO form or as older App Service endpoints write it: `09/14/2017 10:30:00 PM +00:00`, in UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        for form in _DATE_FORMS:
            try:
                found = datetime.strptime(text, form)
                break
            except ValueError:
                continue
        else:
            return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
