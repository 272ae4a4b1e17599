"""Change tracking for incremental exports (finops-odata sheet, section 12).

A token belongs to a project, an entity and a company (the company is assumed) and knows the version of every
row that was exported. What is new or has another version is exported as a whole row; deletes are not tracked.
"""

from __future__ import annotations

from collections.abc import Iterable

from d365_sandbox.finops.data_management.keep import Keep
from d365_sandbox.json_text import dumps, loads
from d365_sandbox.schemas.entity import Key, fold
from d365_sandbox.store.table import Row

Token = tuple[str, ...]
_TOKEN = "token"


def token(project: str, label: str, company: str) -> Token:
    return (fold(project), fold(label), company)


class Tracking:
    """The version tokens of one environment."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._seen: dict[Token, dict[Key, str]] = {
            _parts(name): {_parts(key): version for key, version in rows.items()}
            for name, rows in keep.take(_TOKEN).items()
        }

    def changed(self, at: Token, rows: list[Row]) -> list[Row]:
        """The rows that are new or changed since the token was set; all of them when it never was."""
        seen = self._seen.get(at)
        return rows if seen is None else [row for row in rows if seen.get(row.key) != row.version]

    def advance(self, at: Token, rows: Iterable[Row]) -> None:
        """Note what was exported, whatever becomes of the file."""
        seen = self._seen.setdefault(at, {})
        new = {row.key: row.version for row in rows if seen.get(row.key) != row.version}
        seen.update(new)
        self._keep.add(_TOKEN, _text(at), {_text(key): version for key, version in new.items()})

    def reset(self, project: str, label: str = "") -> bool:
        """Forget the tokens of a project, or of one of its entities; whether there were any."""
        found = [at for at in self._seen if at[0] == fold(project) and (not label or at[1] == fold(label))]
        for at in found:
            self._forget(at)
        return bool(found)

    def clear(self) -> None:
        """Tracking was switched off: what comes after is a first export again."""
        for at in list(self._seen):
            self._forget(at)

    def _forget(self, at: Token) -> None:
        del self._seen[at]
        self._keep.drop(_TOKEN, _text(at))


def _text(parts: Key) -> str:
    return dumps(parts).decode("utf-8")


def _parts(text: str) -> Token:
    return tuple(loads(text.encode("utf-8")))
