"""A staging database and the stand-ins' records of an earlier version, as one file.

The environments' addresses are stored as placeholders, since the stand-ins serve on other ports each time.
"""

from __future__ import annotations

import io
import lzma
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.programs import find_programs

DATABASE = "database.sql"


def save(file: Path, database_url: str, sandbox: Path, addresses: Mapping[str, str]) -> None:
    """Write the database and the stand-ins' folder to ``file``; ``addresses`` are {placeholder: host and port}."""
    command = [_program("pg_dump"), "--dbname", database_url]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    texts = {DATABASE: _replaced(dumped, {address: name for name, address in addresses.items()})}
    for path in sorted(sandbox.rglob("*.jsonl")):
        texts[f"sandbox/{path.relative_to(sandbox)}"] = path.read_text(encoding="utf-8")
    with lzma.open(file, "wb", preset=9) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in texts.items():
            content = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def unpack(file: Path, folder: Path) -> Path:
    """Unpack the stand-ins' records to ``folder``/sandbox and the database to a file; returns that file."""
    with tarfile.open(file, "r:xz") as archive:
        archive.extractall(folder, filter="data")
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder / DATABASE


def restore(dumped: Path, database_url: str, addresses: Mapping[str, str]) -> None:
    """Fill an empty database, with the addresses of the stand-ins that run now."""
    text = _replaced(dumped.read_text(encoding="utf-8"), addresses)
    command = [_program("psql"), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", database_url]
    subprocess.run(command, input=text, capture_output=True, text=True, check=True)


def address(url: str) -> str:
    """Host and port of a URL."""
    return urlsplit(url).netloc


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for before, after in replacements.items():
        text = text.replace(before, after)
    return text


def _program(name: str) -> str:
    return str(find_programs() / name)
