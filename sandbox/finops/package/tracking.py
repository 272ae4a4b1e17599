"""Change tracking for incremental exports (finops-odata sheet, section 12).

A token belongs to a project, an entity and a company (the company is assumed) and knows the version of every
row that was exported. What is new or has another version is exported as a whole row; deletes are not tracked.
Tokens are forgotten when the sandbox stops: the next export is full.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.description import Key, fold
from sandbox.store.table import Row

Token = tuple[str, str, str]


def token(project: str, label: str, company: str) -> Token:
    return (fold(project), fold(label), company)


class Tracking:
    """The version tokens of one environment."""

    def __init__(self) -> None:
        self._seen: dict[Token, dict[Key, str]] = {}

    def changed(self, at: Token, rows: list[Row]) -> list[Row]:
        """The rows that are new or changed since the token was set; all of them when it never was."""
        seen = self._seen.get(at)
        return rows if seen is None else [row for row in rows if seen.get(row.key) != row.version]

    def advance(self, at: Token, rows: Iterable[Row]) -> None:
        """Note what was exported, whatever becomes of the file."""
        self._seen[at] = {row.key: row.version for row in rows}

    def reset(self, project: str, label: str = "") -> bool:
        """Forget the tokens of a project, or of one of its entities; whether there were any."""
        found = [at for at in self._seen if at[0] == fold(project) and (not label or at[1] == fold(label))]
        for at in found:
            del self._seen[at]
        return bool(found)

    def clear(self) -> None:
        """Tracking was switched off: what comes after is a first export again."""
        self._seen.clear()
