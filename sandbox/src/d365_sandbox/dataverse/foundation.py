"""The rows of a new organisation: the organisation itself, a business unit with its default team, and users."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse.stamps import put
from d365_sandbox.schemas.entity import Entity, Fields
from d365_sandbox.store.store import Store

BUSINESS_UNIT = "b0000000-0000-4000-8000-000000000001"
USER = "b0000000-0000-4000-8000-000000000002"
TEAM = "b0000000-0000-4000-8000-000000000003"
ROW_MESSAGES = ("Create", "Update", "Delete", "Retrieve", "RetrieveMultiple", "Upsert")
BULK_MESSAGES = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
_MESSAGES = uuid.uuid5(uuid.NAMESPACE_URL, "sdkmessage")


def user_of(store: Store, client_id: str) -> str:
    """The id of the application user that stands for a client, that of the first client for an unknown one."""
    keys = store.tables["systemusers"].holding("applicationid", _application_id(client_id))
    return str(min(keys)) if keys else USER


def lay_foundation(store: Store, clock: Clock, client_ids: Sequence[str]) -> None:
    """Create the organisation, its root business unit with the default team, and an application user for each
    client, unless they exist."""
    now = clock.stamp()
    stamps: Fields = {"createdon": now, "modifiedon": now}
    if not len(store.tables["organizations"]):
        _lay_organization(store, stamps)
    for client_id in client_ids:
        other = str(uuid.uuid5(uuid.UUID(USER), client_id))
        _lay_user(store, stamps, client_id, USER if client_id == client_ids[0] else other)
    if not len(store.tables["teams"]):
        team: Fields = {
            "teamid": TEAM,
            "name": "sandbox",
            "_businessunitid_value": BUSINESS_UNIT,
            "isdefault": True,
        }
        with store.transaction() as tx:
            put(tx, "teams", {**store.tables["teams"].entity.defaults, **stamps, **team})
    _lay_settings(store, stamps)
    if not len(store.tables["sdkmessages"]):
        _lay_messages(store, stamps)
    store.flush()


def _lay_messages(store: Store, stamps: Fields) -> None:
    """Which table supports which message: clients check this before they use bulk actions (dataverse sheet,
    6)."""
    entities = [table.entity for table in store.tables.values()]
    with store.transaction() as tx:
        for message in (*ROW_MESSAGES, *BULK_MESSAGES):
            message_id = str(uuid.uuid5(_MESSAGES, message))
            row: Fields = {"sdkmessageid": message_id, "name": message, "isprivate": False, "availability": 0}
            put(tx, "sdkmessages", {**stamps, **row})
            for entity in entities:
                if message not in BULK_MESSAGES or entity.bulk_actions:
                    put(tx, "sdkmessagefilters", {**stamps, **_filter(message, message_id, entity)})


def _filter(message: str, message_id: str, entity: Entity) -> Fields:
    return {
        "sdkmessagefilterid": str(uuid.uuid5(_MESSAGES, f"{message} {entity.type_name}")),
        "name": f"{message} of {entity.type_name}",
        "primaryobjecttypecode": entity.type_name,
        "secondaryobjecttypecode": "none",
        "_sdkmessageid_value": message_id,
        "iscustomprocessingstepallowed": True,
        "isvisible": True,
        "availability": 0,
    }


def _lay_organization(store: Store, stamps: Fields) -> None:
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


def _lay_user(store: Store, stamps: Fields, client_id: str, user: str) -> None:
    if store.tables["systemusers"].get(user) is not None:
        return
    fields: Fields = {
        "systemuserid": user,
        "_businessunitid_value": BUSINESS_UNIT,
        "fullname": f"# {client_id}",
        "lastname": client_id,
        "domainname": f"{client_id}@sandbox.example",
        "applicationid": _application_id(client_id),
        "accessmode": 4,
    }
    with store.transaction() as tx:
        put(tx, "systemusers", {**store.tables["systemusers"].entity.defaults, **stamps, **fields})


def _lay_settings(store: Store, stamps: Fields) -> None:
    """The settings of users who have none yet."""
    settings = store.tables["usersettingscollection"]
    users = [row.fields for row in store.tables["systemusers"].rows()]
    missing = [user for user in users if settings.get(str(user["systemuserid"])) is None]
    if missing:
        with store.transaction() as tx:
            for user in missing:
                put(tx, "usersettingscollection", {**settings.entity.defaults, **stamps, **settings_of(user)})


def settings_of(user: Fields) -> Fields:
    """The settings of a new user, whose key is the user's."""
    return {"systemuserid": user["systemuserid"], "businessunitid": user.get("_businessunitid_value")}


def _application_id(client_id: str) -> str:
    """A client's id in Entra, which here need not be a GUID."""
    is_guid = len(client_id) == 36 and client_id.count("-") == 4
    return client_id.lower() if is_guid else str(uuid.uuid5(uuid.NAMESPACE_URL, client_id))


def organization_id(store: Store) -> str:
    return str(store.tables["organizations"].rows()[0].fields["organizationid"])
