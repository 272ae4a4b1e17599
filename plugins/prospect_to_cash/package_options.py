"""What a card has to say for a read or a write that goes by packages of data management."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prospect_to_cash.flow_card import Read, Write

DATES = ("us", "eu")
WAYS = ("odata", "package")
_NAMES = (
    "needs 'package_group', the data project, and 'package_entity', the entity's label in data management."
)


def read_problem(read: Read) -> str | None:
    """What is wrong with a read's package options. A package tells of no deletes, so full reads have a cadence."""
    if read.strategy != "package":
        stray = read.package_group or read.package_entity or read.package_full_group
        return "'package_...' goes with strategy 'package'." if stray else None
    if read.system != "finops":
        return "strategy 'package' is for finops alone."
    if not read.package_group or not read.package_entity:
        return f"strategy 'package' {_NAMES}"
    if read.every is None:
        return "strategy 'package' needs 'every': packages tell of no deletes, full reads do."
    if read.filter:
        return "strategy 'package' takes no 'filter': filter the entity in the data project."
    if read.package_dates not in DATES:
        return "'package_dates' is us (month first) or eu (day first)."
    return None


def write_problem(write: Write) -> str | None:
    """What is wrong with a write's package options. An import names its rows by key, so the key is known before."""
    if write.via not in WAYS:
        return "'via' is odata or package."
    if write.via == "odata":
        stray = write.package_group or write.package_entity or write.package_fields or write.package_names
        return "'package_...' goes with 'via: package'." if stray else None
    if write.system != "finops" or not write.creates or write.assigned:
        return "'via: package' is for creates in finops whose key is known before, so without 'assigned'."
    if not write.package_group or not write.package_entity:
        return f"'via: package' {_NAMES}"
    names = {} if write.package_names is None else write.package_names
    if not isinstance(names, Mapping) or not all(isinstance(name, str) for name in names.values()):
        return "'package_names' leads from a field of the body to its name in the package."
    if write.package_from < 1:
        return "'package_from' is 1 or more."
    return None
