"""Change tracking: the initial load, delta links, and lists of changes (dataverse sheet, section 5).

Assumed: the statuses, `$count=true` counts the rows of the response, a token with a version that this
organisation never reached counts as expired, a list of changes is paged by version, and the link of an initial load tells
what happened after its first page (after its last, if so set).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.rendering import Renderer, wanted_annotations
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.dataverse.stamps import ROW_VERSION
from d365_sandbox.dataverse.tracking_cookie import CookieError, Place, bake, read
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.options import OptionError, Options, parse_options
from d365_sandbox.odata.preferences import page_size, read_preferences
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply

LARGEST_PAGE = 5000
DAYS = 7  # after which a token expires, unless set otherwise
_ASKED = "odata.track-changes"
_TOKEN = "$deltatoken"
_ALLOWED = {"$select", "$count", "$skiptoken", _TOKEN}
_REFUSED = {"$filter", "$orderby", "$expand", "$top", "$apply", "$skip", "fetchXml"}
_TOKEN_FORM = re.compile(r"(\d{1,18})!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_TOKENS = re.compile(r"(?:^|&)(?:\$|%24)(deltatoken|skiptoken)=([^&]*)")
_MOMENT = "%m/%d/%Y %H:%M:%S"


@dataclass(slots=True)
class _Changes:
    """The rows and deletions of one table in order of their versions, as of one revision of the table."""

    revision: int = -1
    rows: list[Row] = field(default_factory=list)
    row_versions: list[int] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    deleted_versions: list[int] = field(default_factory=list)


class Tracker:
    """Answers GET requests that ask for changes."""

    def __init__(
        self, finder: RowFinder, clock: Clock, days: float | None = None, links_from_last_page: bool = False
    ) -> None:
        self._finder = finder
        self._store = finder.store
        self._clock = clock
        self._days = days
        self._links_from_last_page = links_from_last_page
        self._ordered: dict[str, _Changes] = {}

    @staticmethod
    def is_asked(call: Call, counting: bool) -> bool:
        """Whether a read of a set is one of change tracking: by preference, delta token or the cookie of its pages.

        A count is one only by its token: there is nothing to track in it.
        """
        if not counting and _ASKED in call.headers.get("prefer", "").lower():
            return True
        found = _TOKENS.findall(call.query)
        return any(name == "deltatoken" or 'istracking="True"' in unquote(text) for name, text in found)

    def many(self, call: Call, entity: Entity) -> Reply:
        """A page of the initial load or of the changes since a token."""
        options = self._options(call, entity)
        preferences = read_preferences(call.headers.get("prefer", ""))
        size, applied = page_size(preferences, LARGEST_PAGE)
        place = self._place(options)
        until = place.until if place else self._store.counters.get(ROW_VERSION, 0)
        delta = _TOKEN in options.values
        asked = wanted_annotations(preferences)
        renderer = Renderer(entity, self._finder.entities, self._store, options.select, asked)
        shown: list[Any]
        if delta:
            since = self._since(options.values[_TOKEN])
            shown, after, total = self._changed(call, entity, renderer, since, place, until, size)
        else:
            shown, after, total = self._everything(entity, renderer, place, until, size)
        columns = f"({','.join(options.select)})" if options.select else ""
        context = f"{call.base}$metadata#{entity.set_name}{columns}"
        answer: dict[str, Any] = {"@odata.context": context + ("/$delta" if delta else "")}
        if options.count:
            answer["@odata.count"] = total
        answer["value"] = shown
        if after is not None:
            answer["@odata.nextLink"] = self._link(call, entity, options, {"$skiptoken": bake(after)})
        else:
            if self._links_from_last_page and not delta:
                until = self._store.counters.get(ROW_VERSION, 0)
            link = {"$skiptoken": None, "$count": None, _TOKEN: self._token(until)}
            answer["@odata.deltaLink"] = self._link(call, entity, options, link)
        return _json(answer, [_ASKED if _ASKED in preferences else "", applied])

    def count(self, call: Call, entity: Entity) -> Reply:
        """`/$count?$deltatoken=`: how many rows and deletions a list of changes would hold."""
        options = self._options(call, entity)
        if _TOKEN not in options.values:
            raise errors.bad_query(f"A count of changes needs {_TOKEN}.")
        changes, since = self._in_order(entity), self._since(options.values[_TOKEN])
        versions = (changes.row_versions, changes.deleted_versions)
        text = str(sum(len(v) - bisect_right(v, since) for v in versions))
        headers = {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"}
        return Reply(200, headers, text.encode("utf-8"))

    def _options(self, call: Call, entity: Entity) -> Options:
        if not entity.change_tracking:
            raise errors.Refused(
                400, "0x80072491", f"Entity {entity.type_name} isn't enabled for change tracking"
            )
        try:
            options = parse_options(call.query, _ALLOWED | _REFUSED)
            _ = options.count
        except OptionError as error:
            raise errors.bad_query(str(error)) from None
        for name in sorted(_REFUSED & set(options.values)):
            raise errors.bad_query(
                f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
            )
        for name in options.select or ():
            if name not in entity.fields:
                raise errors.bad_query(
                    f"Could not find a property named '{name}' on type "
                    f"'Microsoft.Dynamics.CRM.{entity.type_name}'."
                )
        return options

    def _place(self, options: Options) -> Place | None:
        token = options.values.get("$skiptoken")
        try:
            return None if token is None else read(token)
        except CookieError as error:
            raise errors.bad_query(str(error)) from None

    def _since(self, token: str) -> int:
        """The version in a delta token. Raises Refused for a token that is expired or of another
        organisation."""
        found = _TOKEN_FORM.fullmatch(token)
        try:
            given = datetime.strptime(found[2], _MOMENT).replace(tzinfo=UTC) if found else None
        except ValueError:
            given = None
        if found is None or given is None:
            raise errors.bad_query(f"The value of {_TOKEN} is not one that this server gave out.")
        version = int(found[1])
        if self._clock.now() - given > self._lifetime() or version > self._store.counters.get(ROW_VERSION, 0):
            raise errors.Refused(
                400,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            )
        return version

    def _lifetime(self) -> timedelta:
        """What is set from outside, else what the organisation says."""
        if self._days is not None:
            return timedelta(days=self._days)
        days = self._store.tables["organizations"].rows()[0].fields.get("expirechangetrackingindays")
        return timedelta(days=days if isinstance(days, int) else DAYS)

    def _token(self, version: int) -> str:
        """The encoded delta token; percent escapes are written in lower case, as documented."""
        text = quote(f"{version}!{self._clock.now().strftime(_MOMENT)}", safe="")
        return re.sub(r"%[0-9A-F]{2}", lambda escape: escape[0].lower(), text)

    def _everything(
        self, entity: Entity, renderer: Renderer, place: Place | None, until: int, size: int
    ) -> tuple[list[Any], Place | None, int]:
        rows = self._store.tables[entity.set_name].rows()
        start = 0
        if place is not None:
            start = bisect_right(rows, place.after, key=lambda row: row.key)  # type: ignore[arg-type, return-value]
        page = rows[start : start + size]
        after = None
        if start + len(page) < len(rows):
            number = place.page + 1 if place else 1
            after = Place(number, until, "rows", str(page[-1].key))
        return list(renderer.render(page)), after, len(rows)

    def _changed(
        self,
        call: Call,
        entity: Entity,
        renderer: Renderer,
        since: int,
        place: Place | None,
        until: int,
        size: int,
    ) -> tuple[list[Any], Place | None, int]:
        """New and changed rows in ascending version, deletions after all of them."""
        changes = self._in_order(entity)
        in_deletes = place is not None and place.part == "deletes"
        last = int(place.after or 0) if place is not None and place.after.isdigit() else since
        row_end = bisect_right(changes.row_versions, until)
        deleted_end = bisect_right(changes.deleted_versions, until)
        start = row_end if in_deletes else min(bisect_right(changes.row_versions, last), row_end)
        rows = changes.rows[start : min(start + size, row_end)]
        gone_from = bisect_right(changes.deleted_versions, last if in_deletes else since)
        gone_to = min(gone_from + size - len(rows), deleted_end)
        context = f"{call.base}$metadata#{entity.set_name}/$deletedEntity"
        shown: list[Any] = list(renderer.render(rows))
        shown += [
            {"@odata.context": context, "id": key, "reason": "deleted"}
            for key in changes.deleted[gone_from:gone_to]
        ]
        total = row_end - bisect_right(changes.row_versions, since)
        total += deleted_end - bisect_right(changes.deleted_versions, since)
        after = None
        if start + len(rows) < row_end or gone_to < deleted_end:
            number = place.page + 1 if place else 1
            if gone_to > gone_from:
                after = Place(number, until, "deletes", str(changes.deleted_versions[gone_to - 1]))
            else:
                after = Place(number, until, "rows", str(changes.row_versions[start + len(rows) - 1]))
        return shown, after, total

    def _in_order(self, entity: Entity) -> _Changes:
        """The table's rows and deletions by version, kept until the table changes."""
        table = self._store.tables[entity.set_name]
        kept = self._ordered.get(entity.set_name)
        if kept is None or kept.revision != table.revision:
            rows = sorted(table.rows(), key=lambda row: int(row.version))
            deleted = sorted((int(version), str(key)) for key, version in table.deleted.items())
            kept = _Changes(
                table.revision,
                rows,
                [int(row.version) for row in rows],
                [key for _, key in deleted],
                [version for version, _ in deleted],
            )
            self._ordered[entity.set_name] = kept
        return kept

    def _link(self, call: Call, entity: Entity, options: Options, replace: dict[str, str | None]) -> str:
        return f"{call.base}{entity.set_name}?{options.rewritten(replace)}"


def _json(answer: object, applied: list[str]) -> Reply:
    headers = {"Content-Type": errors.JSON, "OData-Version": "4.0"}
    if any(applied):
        headers["Preference-Applied"] = ",".join(filter(None, applied))
    return Reply(200, headers, dumps(answer))
