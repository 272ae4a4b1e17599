"""Fault rules: which requests they apply to, and what they do to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

from d365_sandbox.faults import answers, bodies, delivery, drift, late, paging
from d365_sandbox.faults.exchange import Effect, Exchange

WHERE = ("requests", "parts", "both")
EFFECTS: Mapping[str, Callable[..., Effect]] = {
    made.kind: made
    for made in (
        answers.Status, answers.HtmlPage, answers.TokensExpire, bodies.Garbled, bodies.ByteOrderMark,
        bodies.RelativeLinks, bodies.EncodedLinks, bodies.Headers, bodies.LowerCaseParts, paging.Overlap,
        paging.Duplicate, drift.Drift, delivery.Cut, delivery.Reset, delivery.Lost, late.Late, delivery.Hang,
        delivery.Slow, delivery.Chunked, delivery.WrongLength, delivery.Zipped,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a rule looks at, and which of these it strikes.

    `method` is one or several, `path` and `query` are patterns searched in the decoded text, `set` is an
    entity set, `where` says whether requests, parts of batches or both are meant. Of those that match,
    `after` are let pass first; then `nth` (numbers from 1) or `every` n-th or a `share` drawn from `seed` are
    struck, at most `times`. Without any of these all are.
    """

    method: str | tuple[str, ...] = ()
    path: str = ""
    query: str = ""
    set: str = ""
    where: str = "requests"
    after: int = 0
    nth: int | tuple[int, ...] = ()
    every: int = 0
    share: float = 1.0
    seed: int = 1
    times: int = 0

    def __post_init__(self) -> None:
        for pattern in (self.path, self.query):
            re.compile(pattern)
        if self.where not in WHERE:
            raise ValueError(f"where is '{self.where}': write one of {', '.join(WHERE)}.")

    def fits(self, exchange: Exchange) -> bool:
        """Whether the rule looks at this request."""
        if self.where != "both" and exchange.in_batch != (self.where == "parts"):
            return False
        if self.method and exchange.arrived.method not in _several(self.method):
            return False
        if self.set and exchange.set_name != self.set:
            return False
        if self.path and not re.search(self.path, exchange.path):
            return False
        return not self.query or bool(re.search(self.query, exchange.decoded_query))

    def chooses(self, number: int, random: Random) -> bool:
        """Whether the request with this number among those that fit is one to strike."""
        number -= self.after
        drawn = random.random() if self.share < 1 else 0.0
        if number < 1:
            return False
        if self.nth:
            return number in _several(self.nth)
        if self.every:
            return number % self.every == 0
        return drawn < self.share


@dataclass(slots=True)
class Rule:
    """A rule with its counts."""

    number: int
    match: Match
    effects: tuple[Effect, ...]
    given: dict[str, Any]
    seen: int = 0
    struck: int = 0
    random: Random = field(default_factory=Random)

    def strikes(self, exchange: Exchange) -> bool:
        """Count a request, and say whether the rule strikes it."""
        if (self.match.times and self.struck >= self.match.times) or not self.match.fits(exchange):
            return False
        self.seen += 1
        if not self.match.chooses(self.seen, self.random):
            return False
        self.struck += 1
        return True

    @property
    def names(self) -> tuple[str, ...]:
        """What the request log calls it: its own name, or the kinds of its effects."""
        name = self.given.get("name")
        return (str(name),) if name else tuple(effect.kind for effect in self.effects)

    def shown(self) -> dict[str, Any]:
        return {"id": self.number, **self.given, "seen": self.seen, "struck": self.struck}


def read_rule(number: int, given: Any) -> Rule:
    """A rule of the admin API. Raises ValueError with what is wrong and what may be written instead."""
    if not isinstance(given, dict) or set(given) - {"name", "match", "effect", "effects"}:
        raise ValueError("A rule is an object with match, effect (or effects) and, if wanted, a name.")
    match = _made(Match, given.get("match", {}), "match")
    listed = given.get("effects", [given["effect"]] if "effect" in given else [])
    if not listed:
        raise ValueError(f"A rule needs an effect: an object with kind, one of {', '.join(EFFECTS)}.")
    effects = tuple(_effect(one) for one in listed)
    if match.where != "requests" and any(effect.postponed is not None for effect in effects):
        raise ValueError("A part of a batch cannot be late: match the path of the batch.")
    return Rule(number, match, effects, given, random=Random(match.seed))


def _effect(given: Any) -> Effect:
    named = {"kind": given} if isinstance(given, str) else given
    kind = str(named.get("kind")) if isinstance(named, dict) else ""
    if kind not in EFFECTS:
        raise ValueError(f"There is no effect '{kind}': write one of {', '.join(EFFECTS)}.")
    made: Effect = _made(EFFECTS[kind], {n: value for n, value in named.items() if n != "kind"}, kind)
    return made


def _made(form: Callable[..., Any], given: Any, what: str) -> Any:
    known = {f.name for f in fields(form) if not f.name.startswith("_")}  # type: ignore[arg-type]
    unknown = set(given) - known
    if unknown:
        raise ValueError(f"{what} has no {', '.join(sorted(unknown))}: it has {', '.join(sorted(known))}.")
    try:
        return form(**{n: tuple(v) if isinstance(v, list) and n != "body" else v for n, v in given.items()})
    except (TypeError, re.error) as error:
        raise ValueError(f"{what}: {error}") from None


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
