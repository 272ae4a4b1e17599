"""The Sales stand-in inside the test's own process, for tests that ask it very often."""

import json

from sandbox.clock import Clock
from sandbox.sales.entities import sales_entities
from sandbox.sales.foundation import lay_foundation
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import PREFIXES, SalesService
from sandbox.store.store import Store
from sandbox.web import Call

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
