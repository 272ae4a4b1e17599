"""`$metadata` of a service: what the properties of some entity sets are (OData CSDL 4.0).

The document of F&O has tens of megabytes. It is read twice as a stream of elements, of which only those of the wanted
sets are kept. A document type declaration is refused, so that no entity is ever declared or expanded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.errors import Misconfigured

_SEPARATOR = " "
Attributes = Mapping[str, str]


@dataclass(frozen=True)
class Property:
    """A property of an entity set.

    `type` is a type of Edm, or the qualified name of an enumeration (`is_enum`) or of a complex type. `max_length`
    (characters) and `scale` (decimal places) are None where the service sets or states no limit.
    """

    type: str
    nullable: bool = True
    max_length: int | None = None
    scale: int | None = None
    is_enum: bool = False


@dataclass(frozen=True)
class SetDescription:
    """The properties of an entity set by name, and its navigation properties.

    `navigation` maps a navigation property to the properties that hold the key of the record it leads to, in
    the order of its referential constraints: `customerid_account` to `("_customerid_value",)`.
    """

    properties: Mapping[str, Property] = field(default_factory=dict)
    navigation: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Doctype(Exception):
    """The document has a document type declaration, with this name."""


def read_metadata(host: str, body: bytes, entity_sets: Iterable[str]) -> dict[str, SetDescription]:
    """The description of each of `entity_sets`.

    Raises Garbled for a document that is no CSDL or is cut off, Misconfigured for one with a document type
    declaration and for a set that it does not have.
    """
    wanted = set(entity_sets)
    try:
        names = _Names(wanted)
        _parse(body, names.opened)
        kept = _Types(names)
        _parse(body, kept.opened)
    except Doctype as error:
        if str(error).lower() == "html":
            raise Garbled(f"{host} answers $metadata with a page.") from None
        raise Misconfigured(
            f"$metadata of {host} has a document type declaration, which is not read: check that the host of "
            "the connection is the service itself."
        ) from None
    except expat.ExpatError as error:
        raise Garbled(f"$metadata of {host} is incomplete or no XML: {error}.") from None
    if not names.has_schema:
        raise Garbled(f"$metadata of {host} holds no schema.")
    absent = sorted(wanted - set(names.sets))
    if absent:
        raise Misconfigured(
            f"{host} has no entity set {', '.join(absent)}: correct the name on the card, or give the application "
            "user the roles that show it."
        )
    return {name: kept.described(type_name) for name, type_name in names.sets.items()}


def _parse(body: bytes, opened: Callable[[str, Attributes], None]) -> None:
    """Call `opened` with the local name and the attributes of each element. Raises ExpatError, Doctype."""

    def refuse(name: str, *_: object) -> None:
        raise Doctype(name)

    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: opened(name.rpartition(_SEPARATOR)[2], attributes)
    parser.Parse(body, True)


class _Names:
    """First reading: the types of the wanted sets, the base of each type, and which types are no structures."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted
        self._namespace = ""
        self._spaces: dict[str, str] = {}
        self._bases: dict[str, str] = {}
        self._sets: dict[str, str] = {}
        self._enums: set[str] = set()
        self._defined: dict[str, Attributes] = {}
        self.has_schema = False

    def opened(self, name: str, attributes: Attributes) -> None:
        own = f"{self._namespace}.{attributes.get('Name', '')}"
        if name in ("Schema", "Include"):
            self._note_space(name, attributes)
        elif name == "EntityType":
            self._bases[own] = attributes.get("BaseType", "")
        elif name == "EnumType":
            self._enums.add(own)
        elif name == "TypeDefinition":
            self._defined[own] = dict(attributes)
        elif name == "EntitySet" and attributes.get("Name") in self._wanted:
            self._sets[attributes["Name"]] = attributes.get("EntityType", "")

    def _note_space(self, name: str, attributes: Attributes) -> None:
        namespace = attributes.get("Namespace", "")
        if "Alias" in attributes:
            self._spaces[attributes["Alias"]] = namespace
        if name == "Schema":
            self._namespace = namespace
            self.has_schema = True

    @property
    def sets(self) -> dict[str, str]:
        """The qualified type of each wanted set."""
        return {name: self.qualified(type_name) for name, type_name in self._sets.items()}

    def qualified(self, name: str) -> str:
        """A type's name with its namespace in place of an alias."""
        if name.startswith("Collection("):
            return f"Collection({self.qualified(name[11:-1])})"
        space, _, own = name.rpartition(".")
        return f"{self._spaces.get(space, space)}.{own}"

    def with_bases(self, type_name: str) -> list[str]:
        """The type and those that it extends, the most general first."""
        found: list[str] = []
        while type_name and type_name not in found:
            found.append(type_name)
            base = self._bases.get(type_name)
            type_name = self.qualified(base) if base else ""
        return found[::-1]

    def property_of(self, attributes: Attributes) -> Property:
        type_name = self.qualified(attributes.get("Type", "Edm.String"))
        defined = self._defined.get(type_name)
        if defined is not None:
            attributes = {**defined, **{name: attributes[name] for name in attributes if name != "Type"}}
            type_name = self.qualified(defined.get("UnderlyingType", "Edm.String"))
        return Property(
            type=type_name,
            nullable=attributes.get("Nullable", "true").lower() != "false",
            max_length=_number(attributes.get("MaxLength")),
            scale=_number(attributes.get("Scale")),
            is_enum=type_name in self._enums,
        )


class _Types:
    """Second reading: the properties of the types that the wanted sets have."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._wanted = {each for type_name in names.sets.values() for each in names.with_bases(type_name)}
        self._properties: dict[str, dict[str, Property]] = {each: {} for each in self._wanted}
        self._navigation: dict[str, dict[str, list[str]]] = {each: {} for each in self._wanted}
        self._namespace = ""
        self._type = ""
        self._navigating = ""

    def opened(self, name: str, attributes: Attributes) -> None:
        own = attributes.get("Name", "")
        if name == "Schema":
            self._namespace, self._type = attributes.get("Namespace", ""), ""
        elif name in ("EntityType", "ComplexType", "EntityContainer"):
            type_name = f"{self._namespace}.{own}"
            self._type = type_name if name == "EntityType" and type_name in self._wanted else ""
        elif not self._type:
            return
        elif name == "Property":
            self._properties[self._type][own] = self._names.property_of(attributes)
        elif name == "NavigationProperty":
            self._navigating = own
        elif name == "ReferentialConstraint" and "Property" in attributes:
            found = self._navigation[self._type].setdefault(self._navigating, [])
            found.append(attributes["Property"])

    def described(self, type_name: str) -> SetDescription:
        properties: dict[str, Property] = {}
        navigation: dict[str, tuple[str, ...]] = {}
        for each in self._names.with_bases(type_name):
            properties |= self._properties[each]
            navigation |= {name: tuple(found) for name, found in self._navigation[each].items()}
        return SetDescription(properties, navigation)


def _number(text: str | None) -> int | None:
    """A length or scale; None for `max` and `variable`, which set no limit, and for what is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
