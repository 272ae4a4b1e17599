"""What to do with a record before and after a request: pure functions, each branch one row of the table of events.

The rules are those of docs/decisions/2026-11-30-one-doubt-per-row.md. The principle: nothing about which something is
unsure is sent blindly. It is read once no request can be executed any more, and compared with what was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prospect_to_cash.clients.odata.operations import Answer

Before = Literal["wait", "in_doubt", "confirm", "read", "find", "repeat", "settle", "send"]
After = Literal["settle", "resend", "read_back", "find", "create"]
Kind = Literal["create", "update", "deactivate", "remove"]


@dataclass(frozen=True)
class Known:
    """What is known of a record before anything is sent.

    ``kind``: what the row asks for now. ``wants``: whether that takes a request, going by the belief. ``unsure``: an earlier
    request may have been executed or may still be; ``over``: it no longer can; ``answered``: one try of it was accepted.
    ``lost_create``: that request was a create. ``identical``: it is the request that would be sent now. ``own_key``: the
    key is ours, so that the target keeps no two records of it. ``asks_first``: the target would not refuse a second record.
    ``must_read``: a property has to be seen as it is at this moment. ``not_found``: it was just looked for in vain.
    """

    kind: Kind
    wants: bool
    own_key: bool
    unsure: bool = False
    over: bool = False
    answered: bool = False
    lost_create: bool = False
    identical: bool = False
    asks_first: bool = False
    must_read: bool = False
    not_found: bool = False


def before_sending(known: Known) -> Before:
    """The next step for a record of which nothing has been sent yet."""
    if known.unsure:
        return _unsure(known)
    if known.must_read:
        return "read"
    if not known.wants:
        return "settle"
    if known.kind == "create" and known.asks_first and not known.not_found:
        return "find"
    return "send"


def _unsure(known: Known) -> Before:
    if known.over:
        return "read"
    if known.answered:
        return "in_doubt" if known.wants else "confirm"
    if known.lost_create and not known.own_key:
        return "in_doubt" if known.not_found else "find"
    return "repeat" if known.identical and known.own_key else "in_doubt"


@dataclass(frozen=True)
class Tried:
    """A request and its circumstances.

    ``earlier``: an earlier try of it may have been executed, or may still be. ``can_create``: the write may create records.
    ``was_read``: the record was read back already after a refusal.
    """

    kind: Kind
    own_key: bool
    earlier: bool = False
    can_create: bool = True
    was_read: bool = False


def after_answer(tried: Tried, answer: Answer, last: bool) -> After:
    """The next step after an answer; ``last``: no further request may follow."""
    step = _next(tried, answer.kind)
    return "settle" if last and step != "read_back" else step


def _next(tried: Tried, kind: str) -> After:
    if kind in ("exists", "rejected"):
        # In whatever language it was refused: a key that is taken is found under it.
        is_own = tried.kind == "create" and tried.own_key
        return "read_back" if is_own and not tried.was_read else "settle"
    if kind == "missing":
        return "create" if tried.kind == "update" and tried.can_create and not tried.earlier else "settle"
    return _after_silence(tried, kind)


def _after_silence(tried: Tried, kind: str) -> After:
    may_repeat = tried.own_key or tried.kind != "create"
    if kind == "unknown":
        return "resend" if may_repeat else "find"
    if kind == "not_run":
        return "resend" if may_repeat or not tried.earlier else "settle"
    return "settle"


def state_after(tried: Tried, answer: Answer) -> str:
    """The state of the plan row when an answer settles it."""
    match answer.kind:
        case "done":
            return "accepted"
        case "missing" if tried.kind in ("remove", "deactivate"):
            return "accepted"
        case "missing" if tried.earlier:
            return "in_doubt"
        case "unknown":
            return "in_doubt"
        case "not_run":
            return "in_doubt" if tried.earlier else "planned"
        case "stale":
            return "waiting"
    return "rejected"
