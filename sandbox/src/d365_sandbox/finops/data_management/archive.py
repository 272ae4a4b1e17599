"""Package zips: flat, and read with limits, because their content is not trusted."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from d365_sandbox.finops.switches import Switches

MANIFEST = "Manifest.xml"
HEADER = "PackageHeader.xml"


_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)


class PackageError(Exception):
    """A package that cannot be used; the message says why."""


def unpack(content: bytes, switches: Switches) -> dict[str, bytes]:
    """The files of a package by name. Raises PackageError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _files(archive, switches)
    except _UNREADABLE as error:
        raise PackageError(f"The package is not a zip file that can be read: {error}.") from None


def pack(files: Mapping[str, bytes]) -> bytes:
    """A package of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def _files(archive: zipfile.ZipFile, switches: Switches) -> dict[str, bytes]:
    entries = archive.infolist()
    if len(entries) > switches.most_entries:
        raise PackageError(
            f"The package holds {len(entries)} files; at most {switches.most_entries} are read."
        )
    found: dict[str, bytes] = {}
    left = switches.largest_unpacked
    for entry in entries:
        name = entry.filename
        if not name or "/" in name or "\\" in name or name in (".", ".."):
            raise PackageError(f"The package is not flat: it holds '{name}'.")
        if name in found:
            raise PackageError(f"The package holds '{name}' twice.")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PackageError(f"The file '{name}' in the package is encrypted or packed in an unknown way.")
        found[name] = _bounded(archive, entry, left)
        left -= len(found[name])
    return found


def _bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """The content, which is never read further than the limit, whatever size the zip claims."""
    with archive.open(entry) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise PackageError("The files of the package are too large when they are unpacked.")
    return content
