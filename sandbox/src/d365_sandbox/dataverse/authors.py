"""The user who writes a row: the application user of the calling client, or a user whom it impersonates."""

from __future__ import annotations

from dataclasses import dataclass

from d365_sandbox.dataverse.foundation import BUSINESS_UNIT, USER, user_of
from d365_sandbox.store.store import Store
from d365_sandbox.web.messages import Call


@dataclass(frozen=True, slots=True)
class Author:
    """A user with the business unit; `behalf` is the application user when it impersonates this user."""

    user: str
    unit: str
    behalf: str | None = None


APPLICATION = Author(USER, BUSINESS_UNIT)


def author_of(store: Store, call: Call) -> Author:
    """The author of a request (`CallerObjectId` or the older `MSCRMCallerID` impersonate; dataverse sheet, section 2).

    An id that belongs to no user leaves the application user itself (assumed).
    """
    users = store.tables["systemusers"]
    caller = user_of(store, call.client_id) if call.client_id else USER
    legacy, entra = call.headers.get("mscrmcallerid"), call.headers.get("callerobjectid")
    if legacy is None and entra is None:
        return APPLICATION if caller == USER else _author(store, caller, None)
    keys = users.holding("azureactivedirectoryobjectid", entra.lower()) if entra else set()
    named = str(min(keys)) if keys else str(legacy).lower()
    if users.get(named) is None or named == caller:
        return _author(store, caller, None)
    return _author(store, named, caller)


def _author(store: Store, user: str, behalf: str | None) -> Author:
    row = store.tables["systemusers"].get(user)
    unit = row.fields.get("_businessunitid_value") if row else None
    return Author(user, str(unit or BUSINESS_UNIT), behalf)
