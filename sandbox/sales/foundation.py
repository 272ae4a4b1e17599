"""The rows that every organisation has before anybody stores a record: itself, a business unit
and a user."""

from __future__ import annotations

import uuid

from sandbox.clock import Clock
from sandbox.sales.stamps import put
from sandbox.store.store import Store

BUSINESS_UNIT = "b0000000-0000-4000-8000-000000000001"
USER = "b0000000-0000-4000-8000-000000000002"


def lay_foundation(store: Store, clock: Clock, client_id: str) -> None:
    """Make the organisation, its root business unit and the application user, once."""
    if len(store.tables["organizations"]):
        return
    now = clock.stamp()
    stamps = {"createdon": now, "modifiedon": now}
    with store.transaction() as tx:
        put(
            tx,
            "organizations",
            {
                **store.tables["organizations"].entity.defaults,
                **stamps,
                "organizationid": str(uuid.uuid4()),
                "name": "sandbox",
            },
        )
        put(
            tx,
            "businessunits",
            {**stamps, "businessunitid": BUSINESS_UNIT, "name": "sandbox", "isdisabled": False},
        )
        put(
            tx,
            "systemusers",
            {
                **store.tables["systemusers"].entity.defaults,
                **stamps,
                "systemuserid": USER,
                "_businessunitid_value": BUSINESS_UNIT,
                "fullname": f"# {client_id}",
                "lastname": client_id,
                "domainname": f"{client_id}@sandbox.example",
                "applicationid": str(uuid.uuid5(uuid.NAMESPACE_URL, client_id)),
                "accessmode": 4,
            },
        )
    store.flush()


def organization_id(store: Store) -> str:
    return str(store.tables["organizations"].rows()[0].fields["organizationid"])
