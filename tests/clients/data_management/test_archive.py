"""Packages in the documented form, damaged packages, and hostile ones."""

import io
import random
import struct
import zipfile
import zlib

import pytest

from prospect_to_cash.clients.data_management import archive
from prospect_to_cash.clients.data_management.archive import Package, csv_lines
from prospect_to_cash.clients.data_management.compose import Content, write_package
from prospect_to_cash.clients.odata.pages import Garbled
from tests.clients.data_management.package_service import manifest, package, zipped

TOLD = manifest(("Things V3", "Things.csv", "CSV", {}))


def rows(content, label="Things V3"):
    return list(Package(io.BytesIO(content)).rows(label))


def test_rows_have_the_names_of_staging():
    content = package("Account,Name\r\n1,One\r\n", fields={"Account": "CUSTOMERACCOUNT"})

    assert rows(content) == [["CUSTOMERACCOUNT", "NAME"], ["1", "One"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_are_utf_8_or_utf_16(encoding):
    content = package('ID,NAME\r\n1,"Søn ""& Co"", ""\n次"\r\n', encoding=encoding)

    assert rows(content)[1] == ["1", 'Søn "& Co", "\n次']


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xff\xfe" + TOLD.encode("utf-16-le"),
        TOLD.encode(),
        b"\xef\xbb\xbf" + TOLD.encode(),
        b'<?xml version="1.0" encoding="utf-8"?>' + TOLD.encode(),
    ],
    ids=["UTF-16 as real exports", "UTF-8", "UTF-8 with a mark", "with a declaration"],
)
def test_a_manifest_may_be_utf_16_or_utf_8(encoded):
    assert rows(zipped({"Manifest.xml": encoded, "Things.csv": "ID\r\n7\r\n"})) == [["ID"], ["7"]]


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_the_delimiter_is_that_of_the_header(sign):
    assert rows(package(f"ID{sign}NAME\r\n1{sign}a,b\r\n"))[1] == ["1", "a,b"]


def test_an_entity_that_the_package_does_not_hold_has_no_rows():
    assert rows(package("ID\r\n1\r\n"), "Other") == []
    assert rows(zipped({"Manifest.xml": TOLD})) == []
    assert rows(package("")) == []


BILLION = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>'


@pytest.mark.parametrize(
    "files",
    [
        {"Manifest.xml": BILLION},
        {"Manifest.xml": OUTSIDE},
        {"Manifest.xml": "<!DOCTYPE x []>" + TOLD, "Things.csv": "ID\r\n"},
        {"Manifest.xml": "<l>"},
        {"Manifest.xml": b"\xff\xfe\x00\xd8"},
        {"Things.csv": "ID\r\n"},
        {"Manifest.xml": TOLD, "../evil.csv": "x"},
        {"Manifest.xml": TOLD, "/etc/evil": "x"},
        {"Manifest.xml": TOLD, "a\\b": "x"},
        {"Manifest.xml": TOLD, "C:evil": "x"},
        {"Manifest.xml": TOLD, "manifest.XML": TOLD},
        {"Manifest.xml": TOLD, **{f"{n}.csv": "" for n in range(600)}},
        {"Manifest.xml": manifest(("Things V3", "Things.csv", "EXCEL", {})), "Things.csv": "ID\r\n"},
        {"Manifest.xml": TOLD, "Things.csv": "ID,NAME\r\n1\r\n"},
        {"Manifest.xml": TOLD, "Things.csv": 'ID,NAME\r\n1,"open'},
        {"Manifest.xml": TOLD, "Things.csv": b"\xff\xfe\x00"},
    ],
    ids=[
        "entities", "a file as an entity", "a DTD", "no XML", "no text", "no manifest", "out of the folder", "from the root",
        "a backslash", "a drive", "a file twice", "countless files", "a workbook", "a short line", "an open quote",
        "half a character",
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_package_or_is_harmful_is_garbled(files):
    with pytest.raises(Garbled):
        rows(zipped(files))


def test_a_file_that_unpacks_to_far_more_than_any_table_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "RATIO_FROM", 1 << 20)
    bomb = zipped({"Manifest.xml": TOLD, "Things.csv": b"\0" * (4 << 20)})

    with pytest.raises(Garbled, match="unpacks"):
        rows(bomb)


def test_a_manifest_that_is_longer_than_its_entry_says_is_refused():
    content = bytearray(zipped({"Manifest.xml": TOLD, "Things.csv": "ID\r\n"}, zipfile.ZIP_STORED))
    entry = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, 5)
    struct.pack_into("<I", content, entry + 16, zlib.crc32(TOLD.encode()))

    with pytest.raises(Garbled):
        rows(bytes(content))


@pytest.mark.parametrize("broken", [b"", b"PK", b"\0" * 100, zipped({"Manifest.xml": TOLD})[:-10]])
def test_a_file_that_is_not_a_zip_is_garbled(broken):
    with pytest.raises(Garbled):
        rows(broken)


def test_an_encrypted_entry_is_refused():
    content = bytearray(zipped({"Manifest.xml": TOLD}))
    content[content.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(Garbled, match="encrypted"):
        rows(bytes(content))


def test_invalid_utf_8_is_kept():
    assert rows(package(b"ID,NAME\r\n1,a\xffb\r\n"))[1] == ["1", "a\udcffb"]


def test_lines_are_read_one_by_one():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            text = (b"ID\r\n" + b"1\r\n" * len(buffer))[: len(buffer)]
            buffer[: len(text)] = text
            return len(text)

    lines = csv_lines(Endless(), "things")

    assert next(lines) == ["ID"]
    assert next(lines) == ["1"]


def test_a_package_that_we_write_can_be_read():
    held = io.BytesIO()
    awkward = ['O"Neil, & Søn', "two\nlines", "次", "<&>", ""]
    write_package(
        Content("P2C", "Things & Co V3", ["ID", "NAME"], [[str(n), v] for n, v in enumerate(awkward)]), held
    )

    found = list(Package(io.BytesIO(held.getvalue())).rows("Things & Co V3"))

    assert found == [["ID", "NAME"], *[[str(n), value] for n, value in enumerate(awkward)]]
    with zipfile.ZipFile(held) as made:
        assert made.read("Manifest.xml")[:2] == b"\xff\xfe"
        assert made.namelist() == ["Manifest.xml", "PackageHeader.xml", "Things & Co V3.csv"]


def test_a_package_that_is_damaged_anywhere_gives_rows_or_is_garbled():
    whole = package("ID,NAME\r\n" + "".join(f"{n},Name {n}\r\n" for n in range(100)))
    damaged = random.Random(7)
    refused = 0
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(damaged.randint(1, 5)):
            at = damaged.randrange(len(content))
            if damaged.random() < 0.7:
                content[at] = damaged.randrange(256)
            else:
                del content[at : at + damaged.randint(1, 30)]
        try:
            rows(bytes(content))
        except Garbled:
            refused += 1
    assert refused > 2000


def test_an_unusual_compression_is_refused():
    with pytest.raises(Garbled, match="unsupported compression"):
        rows(zipped({"Manifest.xml": TOLD, "Things.csv": "ID\r\n"}, zipfile.ZIP_LZMA))
