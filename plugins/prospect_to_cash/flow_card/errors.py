"""Problems of a card as sentences: file, entry, what is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from prospect_to_cash.flow_card.card import FlowCard
from prospect_to_cash.flow_card.reads import READS
from prospect_to_cash.flow_card.values import FLOW_NAME, SYSTEMS, CardModel
from prospect_to_cash.flow_card.writes import Write

_LONGEST = 60


class CardError(ValueError):
    """A card has something that it may not have. One sentence per line: file, entry, what is wrong, what to write."""


@dataclass(frozen=True)
class _Wrong:
    """One of pydantic's errors: the model that it is about, and the field with its dotted name, if there is one."""

    error: ErrorDetails
    model: type[CardModel]
    path: str
    field: FieldInfo | None
    inside: bool
    """Whether an item of the field's list or mapping is wrong, instead of the field itself."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def problems(file: str, content: Mapping[str, object], errors: Iterable[ErrorDetails]) -> list[str]:
    """Pydantic's errors about a card as sentences, in its order; ``content`` is the card as YAML has it."""
    found: dict[str, None] = {}
    errors = list(errors)
    causes = {error["loc"][:length] for error in errors for length in range(len(error["loc"]))}
    for error in errors:
        # Pydantic counts valid items only, and a default made of an invalid value fails too.
        follows = error["type"] == "too_short" and error["loc"] in causes
        if error["type"] != "default_factory_not_called" and not follows:
            place, model, rest = _entry(content, error["loc"])
            for sentence in _sentence(_locate(error, model, rest)).splitlines():
                found[f"{file}{place}: {sentence}"] = None
    return list(found)


def reserved(file: str, content: dict[str, object]) -> list[str]:
    """Sentences about fields that loading fills in, found on the card; takes them off the card."""
    found = [_taken_off(file, content, FlowCard)]
    reads = content.get("reads")
    for number, read in enumerate(reads if isinstance(reads, list) else ()):
        model = READS.get(str(read.get("strategy"))) if isinstance(read, dict) else None
        if model:
            found.append(_taken_off(f"{file}{_place(content, 'reads', number)}", read, model))
    return [sentence for sentences in found for sentence in sentences]


def _taken_off(where: str, entry: dict[str, object], model: type[CardModel]) -> list[str]:
    names = sorted(model.FILLED_IN & entry.keys())
    for name in names:
        del entry[name]
    return [f"{where}: {_unknown(name, model)}" for name in names]


def with_nearest(name: str, known: Iterable[str], advice: str) -> str:
    """The advice, after the question whether a similar name that is known was meant."""
    found = get_close_matches(name, list(known), 1)
    return f"did you mean '{found[0]}'? {advice[:1].upper()}{advice[1:]}" if found else advice


def _entry(
    content: Mapping[str, object], loc: tuple[int | str, ...]
) -> tuple[str, type[CardModel], tuple[int | str, ...]]:
    """``, read 3 (CustomerGroups)``, the model of that entry, and the rest of the way to the error."""
    if len(loc) < 2 or loc[0] not in ("reads", "writes") or not isinstance(loc[1], int):
        return "", FlowCard, loc
    place, rest = _place(content, loc[0], loc[1]), loc[2:]
    if loc[0] == "writes":
        return place, Write, rest
    if rest and rest[0] in READS:
        return place, READS[str(rest[0])], rest[1:]
    return place, CardModel, rest


def _place(content: Mapping[str, object], kind: object, number: int) -> str:
    entries = content[str(kind)]
    entry = entries[number] if isinstance(entries, list) else None
    label = entry.get("entity" if kind == "reads" else "name") if isinstance(entry, dict) else None
    return f", {str(kind)[:-1]} {number + 1}" + (f" ({label})" if label else "")


def _locate(error: ErrorDetails, model: type[CardModel], rest: tuple[int | str, ...]) -> _Wrong:
    """Follow the way to the error through the models, as far as they go."""
    path: list[str] = []
    field: FieldInfo | None = None
    for number, step in enumerate(rest):
        if field is not None:
            inner = _inner(field)
            if inner is None:
                return _Wrong(error, model, ".".join(path), field, inside=number < len(rest))
            model = inner
        field = model.model_fields.get(str(step))
        path.append(str(step))
        if field is None:
            break
    return _Wrong(error, model, ".".join(path), field, inside=False)


def _inner(field: FieldInfo) -> type[CardModel] | None:
    return next(
        (part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, CardModel)),
        None,
    )


def _parts(annotation: object) -> list[object]:
    return [annotation, *(part for argument in get_args(annotation) for part in _parts(argument))]


def _sentence(wrong: _Wrong) -> str:
    make = _SENTENCES.get(wrong.error["type"])
    if make:
        return make(wrong)
    value = wrong.error["input"]
    if value is None and not wrong.inside:
        return _missing(wrong)
    subject = f"'{wrong.path}'" if wrong.path else "the entry"
    contrast = f"; {_shown(value)} is not {_item_kind(wrong)}" if wrong.inside else f", not {_shown(value)}"
    return f"{subject} must be {_kind(wrong)}{_example(wrong)}{contrast}."


def _missing(wrong: _Wrong) -> str:
    about = (wrong.field.description if wrong.field else None) or ""
    if about[1:2].islower() or about[1:2] == " ":
        about = about[0].lower() + about[1:]
    example = _example(wrong)
    return f"'{wrong.path}' is missing ({about.removesuffix('.')}); add it{example}."


def _broken_rule(wrong: _Wrong) -> str:
    text = str(wrong.error["ctx"]["error"])
    return f"'{wrong.path}' {text}, not {_shown(wrong.error['input'])}." if wrong.path else text


def _extra(wrong: _Wrong) -> str:
    return _unknown(wrong.name, wrong.model, wrong.path)


def _unknown(name: str, model: type[CardModel], path: str = "") -> str:
    others = [strategy for strategy, other in READS.items() if name in other.card_keys()]
    own = next((strategy for strategy, other in READS.items() if other is model), None)
    if own and others:
        return (
            f"'{name}' does not go with strategy '{own}', only with {' or '.join(others)}; "
            "remove it, or change the strategy."
        )
    holder = {"FlowCard": "a card", "Write": "a write", "SafetyLimit": "'safety_limit'"}.get(
        model.__name__, f"a read with strategy '{own}'" if own else "'package'"
    )
    keys = model.card_keys()
    return f"'{path or name}' is not known; {with_nearest(name, keys, f'{holder} may have {_listed(keys)}.')}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _no_strategy(wrong: _Wrong) -> str:
    return f"'strategy' is missing; add one of {_listed(READS)}, as in `strategy: compare`."


def _other_strategy(wrong: _Wrong) -> str:
    value = str(wrong.error["ctx"]["tag"])
    if wrong.error["input"]["strategy"] is None:
        return _no_strategy(wrong)
    return f"strategy '{value}' is not known; {with_nearest(value, READS, f'use one of {_listed(READS)}.')}"


def _not_one_of(wrong: _Wrong) -> str:
    value = wrong.error["input"]
    own = next((strategy for strategy, other in READS.items() if other is wrong.model), None)
    allowed = [
        str(part) for part in _parts(wrong.field.annotation if wrong.field else None) if isinstance(part, str)
    ]
    if wrong.path == "system" and value in SYSTEMS:
        return f"strategy '{own}' is for {allowed[0]} only, not for {value}; use another strategy."
    if wrong.path == "system":
        allowed = list(SYSTEMS)
    return f"'{wrong.path}' must be {' or '.join(allowed)}, not {_shown(value)}."


def _too_short(wrong: _Wrong) -> str:
    return f"'{wrong.path}' must not be empty; write at least one entry{_example(wrong)}."


_SENTENCES: dict[str, Callable[[_Wrong], str]] = {
    "missing": _missing,
    "value_error": _broken_rule,
    "extra_forbidden": _extra,
    "invalid_key": _extra,
    "union_tag_not_found": _no_strategy,
    "union_tag_invalid": _other_strategy,
    "literal_error": _not_one_of,
    "too_short": _too_short,
    "string_too_short": lambda wrong: f"'{wrong.path}' must not be empty; write a text{_example(wrong)}.",
}
_KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "datetime_type": "a timestamp",
}


def _kind(wrong: _Wrong) -> str:
    """What the value must be, in words."""
    origins = _origins(_parts(wrong.field.annotation)) if wrong.field else set()
    if wrong.field is None or _inner(wrong.field):
        return "a list of entries" if tuple in origins else "a mapping of keys to values"
    if tuple in origins:
        return "a list of field names"
    if dict in origins:
        return "a mapping"
    return _scalar(wrong, wrong.field)


def _scalar(wrong: _Wrong, field: FieldInfo) -> str:
    error = wrong.error["type"]
    if error == "string_pattern_mismatch":
        lower = wrong.error["ctx"]["pattern"] == FLOW_NAME
        return "lower case letters, digits and _" if lower else "a field name of letters, digits and _"
    bounds = _bounds(field) | wrong.error.get("ctx", {})
    if {"ge", "le"} <= bounds.keys():
        return f"a number from {bounds['ge']:g} to {bounds['le']:g}"
    if "ge" in bounds:
        return f"a whole number of {bounds['ge']:g} or more"
    return _KINDS.get(error, wrong.error["msg"])


def _item_kind(wrong: _Wrong) -> str:
    return "a field name" if tuple in _origins(_parts(wrong.field and wrong.field.annotation)) else "text"


def _origins(parts: Iterable[object]) -> set[object]:
    return {getattr(part, "__origin__", None) for part in parts}


def _bounds(field: FieldInfo) -> dict[str, float]:
    return {
        name: getattr(item, name) for item in field.metadata for name in ("ge", "le") if hasattr(item, name)
    }


def _example(wrong: _Wrong) -> str:
    examples = wrong.field.examples if wrong.field else None
    return f", as in `{wrong.name}: {_yaml(examples[0])}`" if examples else ""


def _shown(value: object) -> str:
    text = f"'{value}'" if isinstance(value, str) else _yaml(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _yaml(value: object) -> str:
    """A value as a card writes it, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
