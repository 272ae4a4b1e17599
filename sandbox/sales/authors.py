"""In whose name a row is written: the application user of the calling client, or a user whom it impersonates."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.sales.foundation import BUSINESS_UNIT, USER, user_of
from sandbox.store.store import Store
from sandbox.web import Call


@dataclass(frozen=True, slots=True)
class Author:
    """A user with his business unit; `behalf` is the application user when it wrote in the name of another one."""

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
