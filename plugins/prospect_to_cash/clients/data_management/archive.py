"""A package as F&O writes it: a flat zip with a manifest and one file per entity.

Packages are untrusted input. Names with a path, encrypted entries, too many entries and implausible sizes are refused,
XML is parsed without entities, and files are read while they are unpacked.
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

from prospect_to_cash.clients.odata.pages import Garbled

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
"""The errors that zipfile raises for a file that is not a zip, or is damaged."""
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class EntityFile:
    """One entity of a manifest; `fields` maps the columns of its file to the fields of staging."""

    entity: str
    path: str
    format: str
    fields: dict[str, str]


class Package:
    """An opened package. Raises Garbled when the file is not a package, or not safe to unpack."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except _BROKEN:
            raise Garbled("The package is not a zip file.") from None
        self._entries = _checked(self._zip.infolist())
        manifest = self._entries.get(_MANIFEST)
        if manifest is None:
            raise Garbled("The package has no manifest.")
        self.entities = read_manifest(self._bytes(manifest, MOST_MANIFEST))

    def rows(self, entity: str) -> Iterator[list[str]]:
        """The lines of the entity's file, first its header, with the staging names from the manifest.

        No line at all when the package does not contain the entity. Raises Garbled.
        """
        file = next((each for each in self.entities if each.entity.casefold() == entity.casefold()), None)
        if file is None:
            return
        if file.format and not file.format.upper().startswith("CSV"):
            raise Garbled(
                f"The package contains {entity} as {file.format}: set the source format of the project to CSV."
            )
        entry = self._entries.get(PurePosixPath(file.path.replace("\\", "/")).name.casefold())
        if entry is None:
            return
        try:
            with self._zip.open(entry) as raw:
                yield from _mapped(csv_lines(raw, entity), file)
        except _BROKEN as error:
            raise Garbled(
                f"The file of {entity} in the package is damaged: {type(error).__name__}."
            ) from None

    def _bytes(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        try:
            with self._zip.open(entry) as file:
                content = file.read(most + 1)
        except _BROKEN:
            raise Garbled("The manifest of the package is damaged.") from None
        if len(content) > most:
            raise Garbled(f"The manifest of the package is larger than {most >> 20} MiB.")
        return content


def _checked(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by folded name. Raises Garbled for what no real package contains."""
    if len(entries) > MOST_ENTRIES:
        raise Garbled(f"The package has {len(entries)} files; at most {MOST_ENTRIES} are accepted.")
    files = [entry for entry in entries if not entry.filename.endswith("/")]
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in files:
        problem = _problem(entry)
        if problem:
            raise Garbled(f"The package has a file {problem}.")
        if entry.filename.casefold() in found:
            raise Garbled("The package has two files with the same name.")
        found[entry.filename.casefold()] = entry
    if sum(entry.file_size for entry in files) > MOST_UNPACKED:
        raise Garbled(f"The package unpacks to more than {MOST_UNPACKED >> 30} GiB.")
    return found


def _problem(entry: zipfile.ZipInfo) -> str:
    """Why a file of a zip is not unpacked; empty when it may be."""
    name = entry.filename
    if name != PurePosixPath(name).name or "\\" in name or ":" in name or name in ("", ".", ".."):
        return "whose name has a path"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "with an unsupported compression"
    if entry.flag_bits & 0x1:
        return "that is encrypted"
    if entry.file_size > RATIO_FROM and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
        return "that unpacks to an implausible size"
    return ""


def read_manifest(text: bytes) -> list[EntityFile]:
    """The entities of a manifest in UTF-8 or in UTF-16, with or without declaration. Raises Garbled."""
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Garbled("The manifest of the package is not XML, or not safe to read.") from None
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
    """The lines of a CSV file as cells: UTF-8 or UTF-16, with the delimiter of its first line.

    Invalid UTF-8 is kept as surrogates. Raises Garbled for a line that is not CSV or has too few or many cells.
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
                raise Garbled(
                    f"Row {number} of {what} in the package has {len(cells)} cells instead of {width}."
                )
            yield cells
            number += 1
    except (csv.Error, UnicodeError):
        raise Garbled(f"Row {number} of {what} in the package is not CSV.") from None


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _mapped(lines: Iterator[list[str]], file: EntityFile) -> Iterator[list[str]]:
    """The header with its staging names, then the lines."""
    names = {column.casefold(): field for column, field in file.fields.items() if field}
    header = next(lines, None)
    if header is not None:
        yield [names.get(column.strip().casefold(), column.strip()).upper() for column in header]
        yield from lines
