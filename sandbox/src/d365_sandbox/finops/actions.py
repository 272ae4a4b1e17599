"""OData actions, which are X++ methods (finops-odata sheet, section 7).

An action is bound to one row (instance) or to the set. Parameters come as JSON by name. That missing and
unknown ones are refused is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.numbers import parse_json
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

NAMESPACE = "Microsoft.Dynamics.DataEntities."
_JSON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "Edm.String": str,
    "Edm.Boolean": bool,
    "Edm.Int32": int,
    "Edm.DateTimeOffset": str,
}


class ActionError(ValueError):
    """The method threw an exception with this message."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an action. An instance action has the `row` it is bound to."""

    tx: Transaction
    given: Mapping[str, Any]
    row: Row | None
    now: str
    root: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `returns` is an Edm type, or empty for none; `optional` parameters may be left out."""

    name: str
    set_name: str
    on_row: bool
    run: Callable[[Request], Any]
    parameters: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    returns: str = ""


class Actions:
    """The actions of an environment, by set and name."""

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self._found = {(a.set_name, a.name): a for a in actions}

    def of(self, entity: Entity) -> list[Action]:
        return [a for (set_name, _), a in self._found.items() if set_name == entity.set_name]

    def find(self, entity: Entity, segment: str) -> Action | None:
        """The action of a path segment: its name, qualified by the namespace."""
        if not segment.startswith(NAMESPACE):
            return None
        return self._found.get((entity.set_name, segment.removeprefix(NAMESPACE)))


def _fits(value: Any, expected: type | tuple[type, ...] | None) -> bool:
    """Whether a JSON value is null or of the expected type; True and False are no integers."""
    if value is None or expected is None:
        return True
    return isinstance(value, expected) and not (expected is int and isinstance(value, bool))


def read_parameters(action: Action, body: bytes) -> dict[str, Any]:
    """The parameters of a call; an empty body has none. Raises Refused."""
    try:
        given = parse_json(body) if body.strip() else {}
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise errors.bad_request("The request body is not a JSON object with the parameters of the action.")
    found = {name: value for name, value in given.items() if "@" not in name}
    for name, value in found.items():
        if name not in action.parameters:
            raise errors.bad_request(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation "
                f"'{action.name}'."
            )
        if not _fits(value, _JSON_TYPES.get(action.parameters[name])):
            raise errors.bad_request(
                f"Cannot convert the value given for the parameter '{name}' to the expected type "
                f"'{action.parameters[name]}'."
            )
    for name in action.parameters:
        if name not in found and name not in action.optional:
            raise errors.bad_request(
                f"The parameter '{name}' of the operation '{action.name}' is missing in the request payload."
            )
    return found


def run(action: Action, entity: Entity, request: Request) -> Any:
    """Run the action and return its result. Raises Refused with the documented message when its method
    throws."""
    try:
        return action.run(request)
    except ActionError as error:
        raise errors.action_failed(action.name, entity.type_name, str(error)) from None
