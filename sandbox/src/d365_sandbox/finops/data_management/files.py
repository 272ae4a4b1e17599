"""The files of entities: CSV after RFC 4180 with `"` as text qualifier, XML-Element and XML-Attribute.

Exported XML is UTF-16 LE with a byte order mark and no declaration, as manifests are. `CSV-Unicode` is UTF-16 LE
with a byte order mark and CRLF, and refused in any other encoding (seen in public clients); `CSV` is UTF-8, with
or without a mark. Workbooks are not simulated.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from d365_sandbox.finops.data_management.archive import PackageError
from d365_sandbox.finops.data_management.manifest import parse_xml
from d365_sandbox.finops.switches import Switches

EXTENSIONS = {"CSV": "csv", "CSV-UNICODE": "csv", "XML-ELEMENT": "xml", "XML-ATTRIBUTE": "xml"}
ROOT = "Document"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
csv.field_size_limit(16 * 1024 * 1024)


class Records:
    """A file's columns and rows of text. A row whose length is not that of the header is given as it is."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.columns = tuple(columns)
        self.rows = rows


def check_format(source_format: str, label: str) -> str:
    """The format's canonical name. Raises PackageError for one that is not simulated."""
    name = source_format.upper()
    if name in EXTENSIONS:
        return name
    if name in ("EXCEL", "XLSX"):
        raise PackageError(
            f"The source data format '{source_format}' of entity '{label}' is not simulated by the sandbox: "
            "use CSV, CSV-Unicode, XML-Element or XML-Attribute."
        )
    raise PackageError(f"The source data format '{source_format}' of entity '{label}' does not exist.")


def read_file(content: bytes, source_format: str, name: str, element: str, switches: Switches) -> Records:
    """The records of a file. Raises PackageError."""
    form = check_format(source_format, name)
    if form.startswith("CSV"):
        return _read_csv(_decoded(content, form, name), name, form, switches)
    return _read_xml(content, form, name, element)


def write_file(records: Records, source_format: str, element: str) -> Iterator[bytes]:
    """The content of a file in pieces."""
    form = source_format.upper()
    if form == "CSV-UNICODE":
        yield codecs.BOM_UTF16_LE
        yield from (piece.encode("utf-16-le", "replace") for piece in _write_csv(records))
    elif form == "CSV":
        yield from (piece.encode("utf-8", "replace") for piece in _write_csv(records))
    else:
        yield codecs.BOM_UTF16_LE
        yield from (piece.encode("utf-16-le", "replace") for piece in _write_xml(records, form, element))


def _decoded(content: bytes, form: str, name: str) -> str:
    is_unicode = content.startswith(codecs.BOM_UTF16_LE)
    if form == "CSV-UNICODE" and not is_unicode:
        raise PackageError(f"Selected file is not Unicode: '{name}'.")
    if form == "CSV" and is_unicode:
        raise PackageError(f"The file '{name}' is Unicode: its source data format is not CSV.")
    try:
        return content.decode("utf-16" if is_unicode else "utf-8-sig")
    except UnicodeDecodeError:
        raise PackageError(
            f"The file '{name}' is not text in the encoding of its source data format."
        ) from None


def _read_csv(text: str, name: str, form: str, switches: Switches) -> Records:
    if form == "CSV-UNICODE" or switches.row_delimiter == "crlf":
        first, mark, _ = text.partition("\n")
        if mark and not first.endswith("\r"):
            raise PackageError(f"The rows of the file '{name}' do not end with CR LF.")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = next(rows, None)
    except csv.Error as error:
        raise PackageError(f"The file '{name}' is not CSV: {error}.") from None
    if not columns:
        raise PackageError(f"The file '{name}' has no row of column names.")
    return Records(columns, _csv_rows(rows, name))


def _csv_rows(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    """The rows after the header; empty lines do not count. Raises PackageError in mid-file."""
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise PackageError(f"The file '{name}' is not CSV: {error}.") from None
        if row is None:
            return
        if row:
            yield row


def _read_xml(content: bytes, form: str, name: str, element: str) -> Records:
    root = parse_xml(content, name)
    found: list[dict[str, str]] = []
    for record in root:
        if record.tag != element:
            raise PackageError(f"The file '{name}' holds '{record.tag}' where '{element}' is expected.")
        if form == "XML-ATTRIBUTE":
            found.append(dict(record.attrib))
        elif any(len(child) for child in record):
            raise PackageError(
                f"The file '{name}' holds nested records: composite entities are not simulated."
            )
        else:
            found.append({child.tag: child.text or "" for child in record})
    columns = list(dict.fromkeys(column for record in found for column in record))
    return Records(columns, [[record.get(column, "") for column in columns] for record in found])


class _Line:
    """A place for what csv.writer writes."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def take(self) -> str:
        text, self.text = self.text, ""
        return text


def _write_csv(records: Records) -> Iterator[str]:
    line = _Line()
    out = csv.writer(line, lineterminator="\r\n")
    out.writerow(records.columns)
    for row in records.rows:
        yield line.take()
        out.writerow(row)
    yield line.take()


def _write_xml(records: Records, form: str, element: str) -> Iterator[str]:
    yield f"<{ROOT}>"
    for row in records.rows:
        cells = [(c, _NOT_XML.sub("\ufffd", text)) for c, text in zip(records.columns, row, strict=True)]
        if form == "XML-ATTRIBUTE":
            yield f"<{element} {' '.join(f'{c}={quoteattr(text)}' for c, text in cells)}/>"
        else:
            yield f"<{element}>{''.join(f'<{c}>{escape(text)}</{c}>' for c, text in cells)}</{element}>"
    yield f"</{ROOT}>"
