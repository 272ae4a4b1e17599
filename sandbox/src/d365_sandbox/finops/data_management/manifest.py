"""`Manifest.xml` and `PackageHeader.xml` (finops-odata sheet, section 10, "Package zip").

Real exports are UTF-16 LE with a byte order mark and have no XML declaration; UTF-8 is read too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from d365_sandbox.finops.data_management.archive import HEADER, MANIFEST, PackageError

NAMESPACE = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"
MANIFEST_TYPE = (
    "Microsoft.Dynamics.AX.Framework.Tools.DataManagement.Serialization.DataManagementPackageManifest"
)
_DIGITS = re.compile("[0-9]{1,9}")
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True, slots=True)
class FieldMap:
    """A column of the file (`source`) and the staging field that it fills."""

    target: str
    source: str
    is_generated: bool = False


@dataclass(frozen=True, slots=True)
class PackageEntity:
    """One entity of a package: its label, its file and how that is read."""

    label: str
    file: str
    source_format: str
    maps: tuple[FieldMap, ...]
    execution_unit: int = 1
    level: int = 1
    sequence: int = 1
    fail_level: bool = False
    fail_unit: bool = False
    disabled: bool = False
    refresh_type: str = "FullPush"

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.execution_unit, self.level, self.sequence)


@dataclass(frozen=True, slots=True)
class Manifest:
    group: str
    description: str
    entities: tuple[PackageEntity, ...]


def parse_xml(content: bytes, name: str) -> Element:
    """The root of a document without DTD or entities. Raises PackageError."""
    try:
        return fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise PackageError(f"The file '{name}' is not XML that can be read: {error}.") from None


def read_manifest(content: bytes) -> Manifest:
    """The manifest of a package. Raises PackageError."""
    root = _root(content, MANIFEST, "DataManagementPackageManifest")
    entities = root.find(_tag("PackageEntityList"))
    found = [_entity(e) for e in (entities if entities is not None else ())]
    if not found:
        raise PackageError("The manifest of the package lists no entity.")
    return Manifest(_text(root, "DefinitionGroupName"), _text(root, "Description"), tuple(found))


def check_header(content: bytes) -> None:
    """Refuse a package that is no package of a definition group. Raises PackageError."""
    root = _root(content, HEADER, "DataManagementPackageHeader")
    if _text(root, "ManifestType") != MANIFEST_TYPE or _text(root, "PackageType") != "DefinitionGroup":
        raise PackageError("The package header does not describe a package of a definition group.")
    if not _DIGITS.fullmatch(_text(root, "PackageVersion")):
        raise PackageError("The package header has no PackageVersion.")


def render_manifest(manifest: Manifest) -> bytes:
    """The manifest as an export writes it."""
    entities = "".join(_render_entity(e) for e in manifest.entities)
    return _encoded(
        f'<DataManagementPackageManifest xmlns:i="{_INSTANCE}" xmlns="{NAMESPACE}">'
        f"{_element('DefinitionGroupName', manifest.group)}{_element('Description', manifest.description)}"
        f"<PackageEntityList>{entities}</PackageEntityList></DataManagementPackageManifest>"
    )


def render_header(description: str) -> bytes:
    """The header as an export writes it."""
    return _encoded(
        f'<DataManagementPackageHeader xmlns:i="{_INSTANCE}" xmlns="{NAMESPACE}">'
        f"{_element('Description', description)}{_element('ManifestType', MANIFEST_TYPE)}"
        f"{_element('PackageType', 'DefinitionGroup')}{_element('PackageVersion', '1')}"
        "</DataManagementPackageHeader>"
    )


def _root(content: bytes, name: str, expected: str) -> Element:
    root = parse_xml(content, name)
    if root.tag != _tag(expected):
        raise PackageError(f"The file '{name}' has no root element {expected} of the namespace {NAMESPACE}.")
    return root


def _entity(element: Element) -> PackageEntity:
    maps = element.find(_tag("EntityMapList"))
    return PackageEntity(
        label=_text(element, "EntityName"),
        file=_text(element, "InputFilePath"),
        source_format=_text(element, "SourceFormat") or "CSV",
        maps=tuple(_map(m) for m in (maps if maps is not None else ())),
        execution_unit=_number(element, "ExecutionUnit"),
        level=_number(element, "LevelInExecutionUnit"),
        sequence=_number(element, "SequenceInLevel"),
        fail_level=_truth(element, "FailLevelOnError"),
        fail_unit=_truth(element, "FailExecutionUnitOnError"),
        disabled=_truth(element, "Disable"),
        refresh_type=_text(element, "DefaultRefreshType") or "FullPush",
    )


def _map(element: Element) -> FieldMap:
    target = _text(element, "EntityField")
    return FieldMap(target, _text(element, "XMLField"), _truth(element, "IsAutoGenerated"))


def _render_entity(entity: PackageEntity) -> str:
    maps = "".join(_render_map(m, n) for n, m in enumerate(entity.maps))
    parts: Sequence[tuple[str, object]] = (
        ("EntityName", entity.label),
        ("EntityTransformList", None),
        ("ExcelSheetName", ""),
        ("ExecutionUnit", entity.execution_unit),
        ("FailExecutionUnitOnError", entity.fail_unit),
        ("FailLevelOnError", entity.fail_level),
        ("InputFilePath", entity.file),
        ("LevelInExecutionUnit", entity.level),
        ("RunBusinessLogic", True),
        ("RunBusinessValidation", True),
        ("SampleFilePath", ""),
        ("SequenceInLevel", entity.sequence),
        ("SourceFormat", entity.source_format),
        ("ValidationStatus", "Yes"),
    )
    return (
        f"<DataManagementPackageEntityData>{_element('DefaultRefreshType', entity.refresh_type)}"
        f"{_element('Disable', False)}<EntityMapList>{maps}</EntityMapList>"
        f"{''.join(_element(name, value) for name, value in parts)}</DataManagementPackageEntityData>"
    )


def _render_map(field: FieldMap, n: int) -> str:
    parts: Sequence[tuple[str, object]] = (
        ("ArrayIndex", 0),
        ("EntityField", field.target),
        ("EntityFieldConversionList", None),
        ("IsAutoDefault", False),
        ("IsAutoGenerated", field.is_generated),
        ("IsDefaultValueEqualNull", False),
        ("UseTextQualifier", True),
        ("XMLField", field.source),
    )
    return f"<EntityMap>{''.join(_element(name, value) for name, value in parts)}</EntityMap>"


def _element(name: str, value: object) -> str:
    if value is None:
        return f'<{name} i:nil="true"/>'
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def _encoded(text: str) -> bytes:
    return codecs.BOM_UTF16_LE + text.encode("utf-16-le")


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _text(element: Element, name: str) -> str:
    return (element.findtext(_tag(name)) or "").strip()


def _number(element: Element, name: str) -> int:
    text = _text(element, name)
    return int(text) if _DIGITS.fullmatch(text) else 0


def _truth(element: Element, name: str) -> bool:
    return _text(element, name).lower() == "true"
