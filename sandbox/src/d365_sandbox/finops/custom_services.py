"""`/api/services/<group>/<service>/<operation>`: custom JSON services (finops-odata sheet, section 2).

The one here is part of every environment and returns the caller's user; its members follow public
descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Call, Reply

PREFIX = "/api/services/"
_GROUP, _SERVICE, _OPERATION = "UserSessionService", "AifUserSessionService", "GetUserSessionInfo"


def answer(call: Call, company: str, user: str, parameters: Parameters) -> Reply:
    """List groups, services and operations by GET, or run an operation by POST. Raises Refused."""
    steps = [step for step in call.path.split("/") if step]
    if steps == [_GROUP, _SERVICE, _OPERATION]:
        if call.method != "POST":
            raise errors.wrong_method(call.method)
        return _json(_session(company, user, parameters))
    lists: Mapping[tuple[str, ...], dict[str, Any]] = {
        (): {"ServiceGroups": [{"Name": _GROUP}]},
        (_GROUP,): {"Services": [{"Name": _SERVICE}]},
        (_GROUP, _SERVICE): {"Operations": [{"Name": _OPERATION}]},
    }
    found = lists.get(tuple(steps))
    if found is None or call.method != "GET":
        return _json({"Message": f"No HTTP resource was found that matches '{PREFIX}{call.path}'."}, 404)
    return _json(found)


def _session(company: str, user: str, parameters: Parameters) -> dict[str, Any]:
    return {
        "AOSLocaleName": "en-US",
        "AXLanguage": parameters.language,
        "Company": company,
        "CompanyTimeZone": 29,
        "IsSysAdmin": False,
        "UserId": user,
        "UserPreferredTimeZone": 29,
    }


def _json(content: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "application/json; charset=utf-8"}, dumps(content))
