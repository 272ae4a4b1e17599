"""`GET /EntityDefinitions` and its neighbours: addresses, casts and options over pieces of metadata.

These sets are not paged, and `$top` and `$orderby` are refused on them (dataverse sheet, section 10; unverified).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from d365_sandbox.dataverse import definition_columns, errors
from d365_sandbox.dataverse.definition import Definition, Json
from d365_sandbox.dataverse.definition_filter import compile_test
from d365_sandbox.dataverse.definitions import Definitions
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.addresses import Address, AddressError, is_guid, parse_address
from d365_sandbox.odata.expansions import Expansion, parse_expand
from d365_sandbox.odata.filter_tree import FilterError
from d365_sandbox.odata.options import OptionError, Options, parse_options
from d365_sandbox.web.messages import Call, Reply

_CAST = "Microsoft.Dynamics.CRM."
_OPTIONS = ("$select", "$filter", "$expand", "$count")
_IN_EXPAND = ("$select", "$filter", "$expand")
_NAMES = ("LogicalName", "SchemaName", "Name")
SETS = ("EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions")

_ABOVE = {
    "PicklistAttributeMetadata": "EnumAttributeMetadata",
    "StateAttributeMetadata": "EnumAttributeMetadata",
    "StatusAttributeMetadata": "EnumAttributeMetadata",
    "OneToManyRelationshipMetadata": "RelationshipMetadataBase",
}
Found = Definition | list[Definition] | None


class DefinitionReader:
    """Answers GET requests on metadata."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def read(self, call: Call, path: str) -> Reply:
        """The answer for a path that begins with one of SETS. Raises Refused."""
        segments = path.split("/")
        found, cast = self._walk(segments)
        options = _options(call.query)
        if segments[-1] == "$count" and isinstance(found, list):
            counted = str(len(self._filtered(found, options, cast)))
            headers = {"Content-Type": "text/plain; charset=utf-8", "OData-Version": "4.0"}
            return Reply(200, headers, counted.encode())
        context = f"{call.base}$metadata#{unquote(path)}"
        if isinstance(found, list):
            rows = self._filtered(found, options, cast)
            shown = self._all(rows, options.select, _expansions(options), cast)
            answer: Json = {"@odata.context": _with_columns(context, options)}
            if options.count:
                answer["@odata.count"] = len(shown)
            return _reply({**answer, "value": shown})
        if isinstance(found, Definition):
            if "$filter" in options.values:
                raise errors.bad_query("The query option $filter can be applied only on collections.")
            one = self._all([found], options.select, _expansions(options), cast)[0]
            return _reply({"@odata.context": f"{_with_columns(context, options)}/$entity", **one})
        return Reply(204, {"OData-Version": "4.0"})

    def _walk(self, segments: list[str]) -> tuple[Found, str]:
        """The metadata at the end of the path, and the type it was cast to."""
        found: Found = self._root(segments[0])
        cast = ""
        for position, segment in enumerate(segments[1:], 1):
            address = _address(segment)
            name = address.set_name
            if name == "$count" and position == len(segments) - 1 and isinstance(found, list):
                return found, cast
            if name.startswith(_CAST):
                cast = name.removeprefix(_CAST)
                found = _cast(found, cast)
                found = _one(found, address) if address.key is not None else found
            elif isinstance(found, Definition) and name in found.links:
                found, cast = _keyed(found.links[name](), address), ""
            elif isinstance(found, Definition) and name in found.data and position == len(segments) - 1:
                return _property(name, found.data[name]), ""
            else:
                raise errors.no_resource(name)
        return found, cast

    def _root(self, segment: str) -> Found:
        address = _address(segment)
        collections = {
            "EntityDefinitions": lambda: self._definitions.tables,
            "RelationshipDefinitions": lambda: self._definitions.relationships,
            "GlobalOptionSetDefinitions": list,
        }
        if address.set_name not in collections:
            raise errors.no_resource(address.set_name)
        return _keyed(collections[address.set_name](), address)

    def _filtered(self, rows: list[Definition], options: Options, cast: str) -> list[Definition]:
        text = options.filter
        if not text or not rows:
            return rows
        try:
            test = compile_test(text, options.aliases, _names(rows, cast), cast or rows[0].declared)
        except FilterError as error:
            raise errors.bad_query(str(error)) from None
        return [row for row in rows if test(row.data)]

    def _all(
        self, rows: list[Definition], select: list[str] | None, expansions: Iterable[Expansion], cast: str
    ) -> list[Json]:
        names = _names(rows, cast)
        for name in select or ():
            if rows and name not in names:
                raise errors.bad_query(
                    f"Could not find a property named '{name}' on type '{_CAST}{cast or rows[0].declared}'."
                )
        return [self._one(row, select, expansions) for row in rows]

    def _one(self, row: Definition, select: list[str] | None, expansions: Iterable[Expansion]) -> Json:
        shown = dict(row.data)
        if select is not None:
            kept = dict.fromkeys(["@odata.type", *select, "MetadataId"])
            shown = {name: row.data[name] for name in kept if name in row.data}
        for expansion in expansions:
            if expansion.name not in row.links:
                raise errors.bad_query(
                    f"Could not find a property named '{expansion.name}' on type '{_CAST}{row.type_name}'."
                )
            found = row.links[expansion.name]()
            inner = expansion.options
            if isinstance(found, list):
                rows = self._filtered(found, inner, "")
                shown[expansion.name] = self._all(rows, inner.select, expansion.inner, "")
            else:
                shown[expansion.name] = found and self._all([found], inner.select, expansion.inner, "")[0]
        return shown


def _names(rows: list[Definition], cast: str) -> frozenset[str]:
    """What can be selected: the properties of the declared type, those of a kind only after a cast."""
    if rows and rows[0].declared == definition_columns.BASE and not cast:
        return definition_columns.common_names()
    return frozenset(name for row in rows for name in row.data if not name.startswith("@"))


def _address(segment: str) -> Address:
    try:
        return parse_address(segment)
    except AddressError as error:
        raise errors.bad_query(str(error)) from None


def _keyed(found: Found, address: Address) -> Found:
    if address.key is None:
        return found
    return _one(found, address)


def _name_and_value(address: Address) -> tuple[str, str]:
    """The one property that a key names, and its value. Raises Refused."""
    ((name, value),) = (address.key or {}).items()
    if name in ("", "MetadataId"):
        if not is_guid(value) or name in address.quoted:
            raise errors.bad_query(f"Bad Request - Error in query syntax: '({value})'.")
        return "MetadataId", value.lower()
    if name not in _NAMES or name not in address.quoted:
        raise errors.bad_query(f"The key '{name}' is none of {', '.join(_NAMES)} with a text, or MetadataId.")
    return name, value


def _one(found: Found, address: Address) -> Definition:
    """The piece that a key names: its MetadataId, or its name. Raises Refused."""
    if not isinstance(found, list) or len(address.key or {}) != 1:
        raise errors.no_resource(address.set_name)
    name, value = _name_and_value(address)
    row = next((row for row in found if str(row.data.get(name)) == value), None)
    if row is None:
        raise errors.Refused(
            404, "0x80041102", f"The metadata of {address.set_name} with {name} = '{value}' was not found."
        )
    return row


def _cast(found: Found, cast: str) -> Found:
    if isinstance(found, list):
        return [row for row in found if cast in (row.type_name, row.declared, _ABOVE.get(row.type_name))]
    if isinstance(found, Definition) and cast in (
        found.type_name,
        found.declared,
        _ABOVE.get(found.type_name),
    ):
        return found
    raise errors.no_resource(f"{_CAST}{cast}")


def _property(name: str, value: object) -> Definition:
    return Definition("", "", {"value": value})


def _expansions(options: Options) -> tuple[Expansion, ...]:
    if "$expand" not in options.values:
        return ()
    try:
        return parse_expand(options.values["$expand"], _IN_EXPAND)
    except OptionError as error:
        raise errors.bad_query(str(error)) from None


def _options(query: str) -> Options:
    try:
        options = parse_options(query, _OPTIONS)
        _ = options.count
        return options
    except OptionError as error:
        raise errors.bad_query(str(error)) from None


def _with_columns(context: str, options: Options) -> str:
    return f"{context}({','.join(options.select)})" if options.select else context


def _reply(answer: Json) -> Reply:
    return Reply(200, {"Content-Type": errors.JSON, "OData-Version": "4.0"}, dumps(answer))
