"""A package as F&O writes it: a flat zip with a manifest and one file per entity (finops sheet, section 10).

Nothing of a package is believed before it is checked: names that lead elsewhere, encrypted or countless entries,
and sizes that no table has are refused, XML is parsed without entities, and files are read as they are unpacked.
"""

from __future__ import annotations

import codecs
import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from prospect_to_cash.clients.pages import Garbled

MOST_ENTRIES = 500
MOST_UNPACKED = 64 << 30
MOST_MANIFEST = 64 << 20
MOST_RATIO = 1000
RATIO_FROM = 64 << 20
MOST_FIELD = 16 << 20
_MANIFEST = "manifest.xml"
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, LookupError, OverflowError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
"""What zipfile raises for a file that is none, or broken somewhere."""
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class EntityFile:
    """One entity of a manifest; `fields` maps a column of its file to the staging field it fills."""

    entity: str
    path: str
    format: str
    fields: dict[str, str]


class Package:
    """An opened package. Raises Garbled for what is none, or is not safe to unpack."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except _BROKEN:
            raise Garbled("The package is no zip file.") from None
        self._entries = _checked(self._zip.infolist())
        manifest = self._entries.get(_MANIFEST)
        if manifest is None:
            raise Garbled("The package has no manifest.")
        self.entities = read_manifest(self._bytes(manifest, MOST_MANIFEST))

    def rows(self, entity: str) -> Iterator[list[str]]:
        """The lines of the entity's file, its header first, with the staging names that the manifest gives.

        No line at all when the package holds nothing of the entity. Raises Garbled.
        """
        said = next((e for e in self.entities if e.entity.casefold() == entity.casefold()), None)
        if said is None:
            return
        if said.format and not said.format.upper().startswith("CSV"):
            raise Garbled(
                f"The package has {entity} as {said.format}: set the project's source format to CSV."
            )
        entry = self._entries.get(PurePosixPath(said.path.replace("\\", "/")).name.casefold())
        if entry is None:
            return
        try:
            with self._zip.open(entry) as raw:
                yield from _mapped(csv_lines(raw, entity), said)
        except _BROKEN as error:
            raise Garbled(f"The package's file of {entity} is broken: {type(error).__name__}.") from None

    def _bytes(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        try:
            with self._zip.open(entry) as file:
                content = file.read(most + 1)
        except _BROKEN:
            raise Garbled("The package's manifest is broken.") from None
        if len(content) > most:
            raise Garbled("The package's manifest is larger than any manifest.")
        return content


def _checked(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by name without regard to case."""
    files = [entry for entry in entries if not entry.filename.endswith("/")]
    if len(entries) > MOST_ENTRIES:
        raise Garbled(f"The package has {len(entries)} files.")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in files:
        name = entry.filename
        if name != PurePosixPath(name).name or "\\" in name or ":" in name or name in ("", ".", ".."):
            raise Garbled("The package has a file whose name leads out of it.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Garbled("The package has a file that is packed in an unusual way.")
        if entry.flag_bits & 0x1:
            raise Garbled("The package has an encrypted file.")
        if name.casefold() in found:
            raise Garbled("The package has a file twice.")
        if entry.file_size > RATIO_FROM and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise Garbled("The package has a file that unpacks to far more than any table.")
        found[name.casefold()] = entry
    if sum(entry.file_size for entry in files) > MOST_UNPACKED:
        raise Garbled("The package unpacks to more than this machine should take.")
    return found


def read_manifest(text: bytes) -> list[EntityFile]:
    """The entities that a manifest names. UTF-16 with or without declaration, or UTF-8. Raises Garbled."""
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Garbled("The package's manifest is no XML that is safe to read.") from None
    return [
        EntityFile(
            _text(element, "EntityName"),
            _text(element, "InputFilePath"),
            _text(element, "SourceFormat"),
            {
                _text(line, "XMLField"): _text(line, "EntityField")
                for line in element.iter()
                if _name(line) == "EntityMap"
            },
        )
        for element in root.iter()
        if _name(element) == "DataManagementPackageEntityData"
    ]


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Any, name: str) -> str:
    return next((str(child.text or "").strip() for child in element if _name(child) == name), "")


def csv_lines(raw: IO[bytes], what: str) -> Iterator[list[str]]:
    """The lines of a CSV file by cells: UTF-8 or UTF-16, delimiter as in its first line.

    Bytes that are no UTF-8 stay what they are (as surrogates). Raises Garbled for a line that is no line.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MOST_FIELD))
    buffered = io.BufferedReader(raw, 1 << 16)  # type: ignore[type-var]
    encoding = _encoding(buffered.peek(4)[:4])
    text = io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")
    number = 1
    try:
        first = text.readline(MOST_FIELD)
        if not first.strip():
            return
        delimiter = max(_DELIMITERS, key=first.count)
        width = 0
        for cells in csv.reader(chain([first], text), delimiter=delimiter, strict=True):
            if not cells:
                continue
            width = width or len(cells)
            if len(cells) != width:
                raise Garbled(f"Row {number} of the package's {what} has {len(cells)} of {width} cells.")
            yield cells
            number += 1
    except (csv.Error, UnicodeError):
        raise Garbled(f"Row {number} of the package's {what} is no row of a CSV file.") from None


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _mapped(lines: Iterator[list[str]], said: EntityFile) -> Iterator[list[str]]:
    """The header's columns under their staging names, then the lines."""
    names = {column.casefold(): field for column, field in said.fields.items() if field}
    header = next(lines, None)
    if header is not None:
        yield [names.get(column.strip().casefold(), column.strip()).upper() for column in header]
        yield from lines
