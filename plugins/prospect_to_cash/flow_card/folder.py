"""Reads the cards of a folder and adds what stands elsewhere: the fields of the dbt sources, the installation's vars."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from prospect_to_cash.flow_card.card import FlowCard
from prospect_to_cash.flow_card.errors import CardError, problems, reserved, with_nearest
from prospect_to_cash.flow_card.reads import Read
from prospect_to_cash.flow_card.sources import Columns, columns
from prospect_to_cash.flow_card.values import FLOW_NAME

MODELINE = "# yaml-language-server: $schema=flow_card.schema.json\n"
"""First line of a card: where an editor finds the schema."""


def load_cards(
    folder: Path, dbt_project: Path | Sequence[Path], variables: Mapping[str, object] | None = None
) -> list[FlowCard]:
    """Every card of a folder, in the order the flows first run (parents before children).

    ``dbt_project`` is the dbt project, or an installation's own one and the package that it uses. ``variables`` are
    the installation's dbt vars: some name further fields to read, and some decide whether a read with ``only_if`` is
    made. Without them, the cards have all their reads. Raises CardError with
    one line per problem of any card.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise CardError(f"{folder} has no flow card (*.yaml): name the folder that holds the cards.")
    projects = [dbt_project] if isinstance(dbt_project, Path) else list(dbt_project)
    known = columns(projects, variables or {})
    cards: list[FlowCard] = []
    found: list[str] = []
    for path in paths:
        try:
            cards.append(_load_card(path, known))
        except CardError as error:
            found.append(str(error))
    found += _shared_writes(cards)
    if found:
        raise CardError("\n".join(found))
    if variables is not None:
        values = _declared_vars(projects[-1]) | dict(variables)
        cards = [card.model_copy(update={"reads": _made(card, values)}) for card in cards]
    return sorted(cards, key=lambda card: (card.order, card.name))


def _load_card(path: Path, known: Columns) -> FlowCard:
    where = path.name
    if not re.match(FLOW_NAME, path.stem):
        raise CardError(f"{where}: a flow's file name must be lower case with underscores.")
    text = path.read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CardError(f"{where} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise CardError(f"{where}: a card must be a mapping that starts with 'purpose: ...'.")
    found = reserved(where, content)
    values = {**content, "name": path.stem, "text": text.removeprefix(MODELINE)}
    try:
        card = FlowCard.model_validate(values)
    except ValidationError as error:
        raise CardError("\n".join([*found, *problems(where, content, error.errors())])) from None
    found += [
        problem
        for number, read in enumerate(card.reads, 1)
        for problem in _unlisted(f"{where}, read {number} ({read.entity})", read, known)
    ]
    if found:
        raise CardError("\n".join(found))
    return card.model_copy(update={"reads": tuple(_with_select(read, known) for read in card.reads)})


def _unlisted(where: str, read: Read, known: Columns) -> list[str]:
    """What the dbt sources lack for a read: staging names the fields, and cannot do without the key."""
    listed = known.get(read.name, ())
    file = f"models/staging/{read.system}/_{read.system}__sources.yml"
    if not listed:
        return [
            f"{where}: there are no columns for '{read.name}' in {file}; list there the fields that staging reads."
        ]
    return [
        f"{where}: key field '{name}' is not a column of '{read.name}' in {file}; "
        + with_nearest(name, listed, "correct 'key', or list the column there.")
        for name in read.key
        if name not in listed
    ]


def _with_select(read: Read, known: Columns) -> Read:
    needed = [*read.key, *filter(None, [read.changed_at, read.version])]
    return read.model_copy(update={"select": tuple(dict.fromkeys([*needed, *known[read.name]]))})


def _shared_writes(cards: Sequence[FlowCard]) -> list[str]:
    """Two cards with a write of the same name: the ledger could not tell their records apart."""
    first: dict[str, str] = {}
    return [
        f"{card.name}.yaml, write {number} ({write.name}): {first[write.name]}.yaml has a write '{write.name}' too, "
        "but writes of all cards share one ledger; rename one of the two and its outbound model."
        for card in cards
        for number, write in enumerate(card.writes, 1)
        if first.setdefault(write.name, card.name) != card.name
    ]


def _declared_vars(dbt_project: Path) -> dict[str, object]:
    path = dbt_project / "dbt_project.yml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]) if path.is_file() else {}


def _made(card: FlowCard, values: Mapping[str, object]) -> tuple[Read, ...]:
    """The reads whose ``only_if`` holds."""
    for number, read in enumerate(card.reads, 1):
        for name in sorted(set(read.only_if or {}) - set(values)):
            advice = with_nearest(name, values, "correct the name, or declare the var in dbt_project.yml.")
            raise CardError(
                f"{card.name}.yaml, read {number} ({read.entity}): 'only_if' names var '{name}', which the dbt "
                f"project does not have; {advice}"
            )
    return tuple(
        read
        for read in card.reads
        if all(values[name] == value for name, value in (read.only_if or {}).items())
    )
