"""What can be set about one organisation of Sales, beside its records."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from d365_sandbox.web.limits import Limits

_LIMITS = {"requests": 6000, "execution-ms": 1_200_000, "concurrent": 52}


@dataclass(frozen=True, slots=True)
class SalesOptions:
    """The organisation's settings; sets are named as in URLs.

    `untracked` tables have no change tracking, `without_bulk` ones no CreateMultiple and its like; None leaves
    the sandbox's own choice. `change_tracking_days` stands in for the organisation's ExpireChangeTrackingInDays
    (dataverse sheet, section 5.7). `links_from_last_page`: the delta link of an initial load tells what happened after its
    last page instead of after its first; no document says which.
    `duplicate_rules` are the columns, per set, in which rows that are alike count as duplicates (section 2).
    `limits` are the service protection limits (section 7), none unless they are set.
    """

    change_tracking_days: float | None = None
    links_from_last_page: bool = False
    untracked: frozenset[str] | None = None
    without_bulk: frozenset[str] | None = None
    duplicate_rules: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limits: Limits = field(default_factory=Limits)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings on the command line."""
    parser.add_argument(
        "--change-tracking-days",
        type=float,
        metavar="DAYS",
        help="Sales: age at which a delta token expires (default: the setting of the organisation, 7)",
    )
    parser.add_argument(
        "--links-from-last-page",
        action="store_true",
        help="Sales: the delta link of an initial load tells what happened after its last page, not after its first",
    )
    parser.add_argument(
        "--untracked",
        action="append",
        metavar="SET",
        help="Sales: a table without change tracking; given once, it replaces the sandbox's own choice",
    )
    parser.add_argument(
        "--without-bulk",
        action="append",
        metavar="SET",
        help="Sales: a table without CreateMultiple, UpdateMultiple and UpsertMultiple, likewise",
    )
    parser.add_argument(
        "--duplicate-rule",
        action="append",
        type=_rule,
        default=[],
        metavar="SET=FIELD[,FIELD]",
        help="Sales: detect duplicates in these columns for callers that do not suppress it",
    )
    for name, most in _LIMITS.items():
        parser.add_argument(
            f"--limit-{name}",
            type=int,
            nargs="?",
            const=most,
            metavar="N",
            help=f"Sales: refuse a user with 429 beyond a limit of {name} (off; without a number {most})",
        )
    parser.add_argument(
        "--limit-window",
        type=int,
        default=300,
        metavar="SECONDS",
        help="Sales: the sliding window of these limits (default %(default)s)",
    )
    parser.add_argument(
        "--web-servers",
        type=int,
        default=1,
        metavar="N",
        help="Sales: web servers, each with limits of its own, one of which the cookie ARRAffinity keeps "
        "(default %(default)s)",
    )


def _rule(text: str) -> tuple[str, tuple[str, ...]]:
    set_name, _, columns = text.partition("=")
    if not set_name or not columns:
        raise argparse.ArgumentTypeError(f"'{text}': write SET=FIELD or SET=FIELD,FIELD.")
    return set_name, tuple(columns.split(","))


def options_of(given: argparse.Namespace) -> SalesOptions:
    """The settings that the parsed command line holds."""
    return SalesOptions(
        change_tracking_days=given.change_tracking_days,
        links_from_last_page=given.links_from_last_page,
        untracked=None if given.untracked is None else frozenset(given.untracked),
        without_bulk=None if given.without_bulk is None else frozenset(given.without_bulk),
        duplicate_rules=tuple(given.duplicate_rule),
        limits=Limits(
            requests=given.limit_requests,
            execution_ms=given.limit_execution_ms,
            concurrent=given.limit_concurrent,
            window_seconds=given.limit_window,
            web_servers=max(1, given.web_servers),
        ),
    )
