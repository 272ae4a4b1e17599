"""The rows that every organisation has before anybody stores a record: itself, a business unit, a user
and the unit's default team."""

from __future__ import annotations

import uuid

from sandbox.clock import Clock
from sandbox.description import Fields
from sandbox.sales.stamps import put
from sandbox.store.store import Store

BUSINESS_UNIT = "b0000000-0000-4000-8000-000000000001"
USER = "b0000000-0000-4000-8000-000000000002"
TEAM = "b0000000-0000-4000-8000-000000000003"


def lay_foundation(store: Store, clock: Clock, client_id: str) -> None:
    """Make the organisation, its root business unit with the default team, and the application user, once."""
    now = clock.stamp()
    stamps: Fields = {"createdon": now, "modifiedon": now}
    if not len(store.tables["organizations"]):
        _lay_organization(store, stamps, client_id)
    if not len(store.tables["teams"]):
        team: Fields = {
            "teamid": TEAM,
            "name": "sandbox",
            "_businessunitid_value": BUSINESS_UNIT,
            "isdefault": True,
        }
        with store.transaction() as tx:
            put(tx, "teams", {**store.tables["teams"].entity.defaults, **stamps, **team})
    store.flush()


def _lay_organization(store: Store, stamps: Fields, client_id: str) -> None:
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


def organization_id(store: Store) -> str:
    return str(store.tables["organizations"].rows()[0].fields["organizationid"])
