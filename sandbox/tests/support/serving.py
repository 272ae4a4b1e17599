"""The Sales stand-in inside the test's own process, for tests that ask it very often."""

import json

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse.entities import sales_entities
from d365_sandbox.dataverse.foundation import lay_foundation
from d365_sandbox.dataverse.options import SalesOptions
from d365_sandbox.dataverse.service import PREFIXES, SalesService
from d365_sandbox.store.store import Store
from d365_sandbox.web.messages import Call

PREFIX = PREFIXES[0]
KEYS = {"accounts": (("accountnumber",),), "contacts": (("firstname", "_parentcustomerid_value"),)}


def sales_service(folder):
    """A new organisation with two alternate keys declared."""
    entities = sales_entities(KEYS)
    store = Store(entities.values(), folder / "sales")
    lay_foundation(store, Clock(), "sandbox")
    return SalesService(entities, store, Clock(), SalesOptions())


def send(service, method, path, query="", headers=None, body=b""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = Call(method, path, query, dict(headers or {}), body, "http://host", prefix=PREFIX)
    return service.handle(PREFIX, call)
