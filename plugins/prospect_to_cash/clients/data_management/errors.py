"""The rows that an import refused, and why. Rows are identified by key, because a job does not number them.

The service reports them in three places whose formats are not documented: a list of errors, a file with the keys that
the target refused, and a file with the rows that never reached staging. A row for which no reason is reported has none
here; the caller sends such rows again one by one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from prospect_to_cash.clients.data_management.archive import csv_lines
from prospect_to_cash.clients.data_management.jobs import PackageJobs
from prospect_to_cash.clients.odata.answers import infolog_sentence
from prospect_to_cash.clients.odata.pages import Garbled

Key = tuple[str, ...]
_SENTENCES = ("errormessage", "message", "error", "errordescription", "description", "infolog", "text")
_TOKENS = re.compile(r"[^\s'\"(),;:=\[\]{}]+")


@dataclass
class Refusals:
    """Refused rows by key (folded) with their reasons ("" when none was given), and reasons that name no row."""

    rows: dict[Key, str] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The reasons that concern the job as a whole."""
        return " ".join(dict.fromkeys(self.general))


def key_of(record: Mapping[str, object], names: Sequence[str]) -> Key:
    """The key of a row, folded."""
    return tuple(str(record.get(name, "")).strip().casefold() for name in names)


def read_refusals(
    jobs: PackageJobs, execution_id: str, entity: str, names: Sequence[str], sent: set[Key]
) -> Refusals:
    """Everything that the service reports about the rows that an import refused.

    `names` are the key fields within a company, `sent` the keys of the package. Raises P2CError.
    """
    refused = Refusals()
    files = (jobs.failed_keys_file(execution_id, entity), jobs.staging_errors_file(execution_id, entity))
    for content in files:
        for row in _records(content):
            key = key_of(row, [name.upper() for name in names])
            if key in sent:
                refused.rows[key] = refused.rows.get(key) or infolog_sentence(_sentence(row))
    for item in jobs.errors(execution_id):
        _note(refused, item, names, sent)
    return refused


def _note(refused: Refusals, item: object, names: Sequence[str], sent: set[Key]) -> None:
    fields = {str(k).upper(): v for k, v in item.items()} if isinstance(item, dict) else {}
    sentence = infolog_sentence(_sentence(fields) if fields else str(item))
    key = key_of(fields, [name.upper() for name in names])
    if key not in sent:
        found = _key_in(item, sent)
        if found is None:
            refused.general.append(sentence)
            return
        key = found
    before = refused.rows.get(key, "")
    if sentence not in before:
        refused.rows[key] = f"{before} {sentence}".strip()


def _key_in(item: object, sent: set[Key]) -> Key | None:
    """The one sent key whose parts all occur in the texts of an error; None for no key, or several."""
    tokens = _tokens([str(value) for value in item.values()] if isinstance(item, dict) else [str(item)])
    if all(len(key) == 1 for key in sent):
        found: list[Key] = [(token,) for token in tokens if (token,) in sent]
    else:
        found = [key for key in sent if all(part in tokens for part in key)]
    return found[0] if len(found) == 1 else None


def _tokens(texts: Sequence[str]) -> set[str]:
    """The texts and the words in them, folded."""
    words = {word.strip(".").casefold() for text in texts for word in _TOKENS.findall(text)}
    return words | {text.strip().casefold() for text in texts}


def _sentence(row: Mapping[str, object]) -> str:
    folded = {str(name).replace("_", "").replace(" ", "").lower(): value for name, value in row.items()}
    return next((str(folded[name]) for name in _SENTENCES if folded.get(name)), "")


def _records(content: bytes) -> Iterator[dict[str, object]]:
    """The rows of an error file, with names in capitals; CSV, or XML with elements or attributes per row."""
    text = content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n")
    if not text:
        return
    if text.startswith(b"<"):
        yield from _xml_records(content)
        return
    lines = csv_lines(io.BytesIO(content), "error file")
    header = [name.strip().upper() for name in next(lines, [])]
    for cells in lines:
        yield dict(zip(header, cells, strict=True))


def _xml_records(content: bytes) -> Iterator[dict[str, object]]:
    try:
        root = fromstring(content, forbid_dtd=True)
    except (SyntaxError, DefusedXmlException, ValueError, LookupError):
        raise Garbled("The error file of a job is not XML, or not safe to read.") from None
    for element in root:
        row: dict[str, object] = {name.upper(): value for name, value in element.attrib.items()}
        row |= {str(child.tag).rpartition("}")[2].upper(): child.text or "" for child in element}
        yield row


def job_sentence(jobs: PackageJobs, execution_id: str) -> str:
    """The reasons that a failed job gives as a whole; empty when it gives none."""
    refused = Refusals()
    for item in jobs.errors(execution_id):
        _note(refused, item, (), set())
    return refused.sentence[:1000]
