"""Unbound functions that clients call before anything else: who am I, which version, which organisation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.foundation import BUSINESS_UNIT, organization_id, user_of
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.options import OptionError, parse_options
from d365_sandbox.odata.splitting import SplitError, bracketed, split_outside
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Store
from d365_sandbox.web.messages import Call, Reply

VERSION = "9.2.24011.00182"  # of the made-up build
_ACCESS_TYPE = "Microsoft.Dynamics.CRM.EndpointAccessType"

Answer = Callable[["Functions", Call, Mapping[str, str]], dict[str, Any]]


class Functions:
    """Answers `GET /Name()` and, for one without parameters, `GET /Name`."""

    def __init__(self, entities: Mapping[str, Entity], store: Store) -> None:
        self._entities = {e.type_name: e for e in entities.values()}
        self._store = store

    def is_one(self, path: str) -> bool:
        return path.partition("(")[0] in _FUNCTIONS

    def run(self, call: Call, path: str) -> Reply:
        """The function's answer. Raises Refused for parameters that it does not have."""
        name, given = _read(path, call.query)
        parameters, answer = _FUNCTIONS[name]
        if set(given) != set(parameters):
            raise errors.bad_query(f"The function {name} takes the parameters ({', '.join(parameters)}).")
        if call.method != "GET":
            raise errors.Refused(405, "0x80060888", f"The function {name} is called with GET.")
        context = f"{call.base}$metadata#Microsoft.Dynamics.CRM.{name}Response"
        body = {"@odata.context": context, **answer(self, call, given)}
        return Reply(200, {"Content-Type": errors.JSON, "OData-Version": "4.0"}, dumps(body))

    def _who_am_i(self, call: Call, given: Mapping[str, str]) -> dict[str, Any]:
        user, organization = user_of(self._store, call.client_id), organization_id(self._store)
        return {"BusinessUnitId": BUSINESS_UNIT, "UserId": user, "OrganizationId": organization}

    def _version(self, call: Call, given: Mapping[str, str]) -> dict[str, Any]:
        return {"Version": VERSION}

    def _organization(self, call: Call, given: Mapping[str, str]) -> dict[str, Any]:
        """Both endpoints are the caller's own host: there is no other one."""
        if not re.fullmatch(_ACCESS_TYPE + "'(Default|Internet|Intranet)'", given["AccessType"]):
            raise errors.bad_query(
                f"AccessType is one of {_ACCESS_TYPE}'Default', 'Internet' and 'Intranet'."
            )
        row = self._store.tables["organizations"].rows()[0].fields
        keys = ["WebApplication", "OrganizationService", "OrganizationDataService"]
        urls = [f"{call.root}/", f"{call.root}/XRMServices/2011/Organization.svc"]
        urls.append(f"{call.root}/XRMServices/2011/OrganizationData.svc")
        detail = {
            "OrganizationId": row["organizationid"],
            "FriendlyName": row["name"],
            "OrganizationVersion": VERSION,
            "EnvironmentId": row["organizationid"],
            "Geo": "EMEA",
            "TenantId": "00000000-0000-4000-8000-000000000001",
            "UrlName": row["name"],
            "UniqueName": row["name"],
            "State": "Enabled",
            "Endpoints": {"Count": len(keys), "IsReadOnly": False, "Keys": keys, "Values": urls},
        }
        return {"Detail": detail}

    def _totals(self, call: Call, given: Mapping[str, str]) -> dict[str, Any]:
        """Row counts beyond 5000; the real ones come from a snapshot of the last day."""
        names = re.findall(r"""['"]([^'"]*)['"]""", given["EntityNames"])
        for name in names:
            if name not in self._entities:
                raise errors.Refused(
                    404,
                    "0x80041102",
                    f"The entity with a name = '{name}' was not found in the MetadataCache.",
                )
        counts = [len(self._store.tables[self._entities[name].set_name]) for name in names]
        found = {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}
        return {"EntityRecordCountCollection": found}


_FUNCTIONS: Mapping[str, tuple[tuple[str, ...], Answer]] = {
    "WhoAmI": ((), Functions._who_am_i),
    "RetrieveVersion": ((), Functions._version),
    "RetrieveCurrentOrganization": (("AccessType",), Functions._organization),
    "RetrieveTotalRecordCount": (("EntityNames",), Functions._totals),
}


def _read(path: str, query: str) -> tuple[str, dict[str, str]]:
    """The function's name and its arguments, aliases replaced."""
    try:
        aliases = parse_options(query, ()).aliases
        name, inside = bracketed(unquote(path))
        given = {}
        for pair in filter(None, (p.strip() for p in split_outside(inside or "", ","))):
            key, _, value = pair.partition("=")
            given[key] = aliases.get(value, value)
    except (OptionError, SplitError) as error:
        raise errors.bad_query(str(error)) from None
    if name not in _FUNCTIONS:
        raise errors.no_resource(name)
    return name, given
