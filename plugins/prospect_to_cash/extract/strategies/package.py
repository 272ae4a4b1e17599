"""Strategy ``package``: exports of an F&O data project, for volumes that are too large for OData.

A project with change tracking exports each change once: its token moves on with the export, whether or not the file is
downloaded. Therefore the execution id is noted before the call, the rows land slice by slice, each with a note of how
many have landed, and a run finishes an unfinished execution first. When an execution is lost, the next run reads
everything. Package exports do not report deletions: full reads at the card's cadence find them, by the project for full
exports where the card names one, else by OData.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import IO

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.data_management.archive import Package
from prospect_to_cash.clients.data_management.errors import job_sentence
from prospect_to_cash.clients.data_management.field_types import FieldType, field_types
from prospect_to_cash.clients.data_management.jobs import (
    PARTLY,
    SUCCEEDED,
    UNKNOWN,
    Gone,
    PackageJobs,
    Project,
)
from prospect_to_cash.clients.data_management.values import RowReader
from prospect_to_cash.clients.finops.client import COMPANY, FinOpsClient
from prospect_to_cash.clients.odata.pages import Garbled, Page
from prospect_to_cash.errors import Misconfigured, Unavailable
from prospect_to_cash.extract.coverage import Bound, Reading
from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.full_read import finish, full_read
from prospect_to_cash.extract.package_jobs import JobNotes, PackageJob
from prospect_to_cash.extract.raw_table import Landed
from prospect_to_cash.extract.read_order import Asked
from prospect_to_cash.extract.strategies.compare import is_due
from prospect_to_cash.flow_card import PackageExport, PackageRead

log = logging.getLogger(__name__)
SLICE = 5000
SPOOLED = 32 << 20


def extract(job: Extraction) -> ReadResult:
    """Finish what an earlier run did not, then read everything when that is due, else what has changed."""
    client = job.client
    if not isinstance(client, FinOpsClient) or not isinstance(job.read, PackageRead):
        raise Misconfigured(f"{job.read.entity}: strategy 'package' is for Finance and Operations only.")
    bound = job.coverage.bound(job.run_id, lambda: None)
    with job.coverage.exclusive():
        export = _Export(job, client, job.read.package)
        result = export.finish_earlier()
        if not job.coverage.completed_since(job.select_hash, bound.decided_at) and is_due(job):
            return result + export.everything(_full_reading(job, bound))
        return result + export.changes()


def _full_reading(job: Extraction, bound: Bound) -> Reading:
    """The unfinished full read, or a new one."""
    reading = job.coverage.unfinished()
    if (
        reading is None
        or reading.window is not None
        or reading.select_hash != job.select_hash
        or not reading.is_recent
        or (job.full and reading.began_at < bound.decided_at)
    ):
        return job.coverage.begin(job.select_hash, None)
    return reading


class _Export:
    """The exports of one read."""

    def __init__(self, job: Extraction, client: FinOpsClient, package: PackageExport) -> None:
        self._job = job
        self._client = client
        self._package = package
        self._jobs = PackageJobs(client)
        self._notes = JobNotes(job.connection, job.env_id, job.read.entity, "export")

    @cached_property
    def _types(self) -> dict[str, FieldType]:
        return field_types(self._client, self._job.read.entity, self._job.read.select)

    @property
    def _companies(self) -> tuple[str, ...]:
        """The companies to export, one job each; what all companies share is exported once."""
        companies = self._client.companies
        if COMPANY not in self._job.read.key:
            return companies[:1] or ("",)
        if not companies:
            raise Misconfigured(
                f"{self._job.read.entity} is exported company by company: set the companies of the connection."
            )
        return companies

    def finish_earlier(self) -> ReadResult:
        """Land the changes of exports that an earlier run did not finish."""
        result = ReadResult()
        for note in self._notes.open():
            if note.read_id is None:
                result += ReadResult(
                    self._land(note, resumed=True), 0, (f"unfinished changes of {note.company}",)
                )
        return result

    def changes(self) -> ReadResult:
        result = ReadResult()
        for company in self._companies:
            note = self._notes.choose(company, self._job.run_id, None, self._slice)
            result += ReadResult(self._land(note), 0, (f"changes of {company}",))
        return result

    def everything(self, reading: Reading) -> ReadResult:
        if not self._package.full_group:
            return full_read(self._job, reading)
        done = self._notes.done_for(reading.read_id)
        begun = {note.company: note for note in self._notes.open() if note.read_id == reading.read_id}
        landed = Landed()
        for company in self._companies:
            if company not in done:
                note = begun.get(company) or self._notes.choose(
                    company, self._job.run_id, reading.read_id, self._slice
                )
                landed += self._land(note, resumed=company in begun)
        return finish(self._job, reading, landed)

    @property
    def _slice(self) -> int:
        return self._job.read.page_size or SLICE

    def _land(self, note: PackageJob, resumed: bool = False) -> Landed:
        """Wait for an execution and land its rows; ``resumed``: an earlier run may have started it."""
        note, asked, state = self._executed(note, resumed)
        if state not in (SUCCEEDED, PARTLY):
            raise self._lost(note, state)

        def progress(cursor: Cursor, page: Page) -> None:
            self._notes.landed(cursor, note.execution_id)

        try:
            with tempfile.SpooledTemporaryFile(SPOOLED) as file:
                self._jobs.download(note.execution_id, file)
                landed = self._job.land(self._pages(file, note, asked), progress, note.read_id, asked)
        except (Gone, Garbled, Misconfigured):  # a second download would return the same file
            self._give_up(note)
            raise
        with self._job.connection, self._job.connection.cursor() as cursor:
            self._notes.finish(cursor, note.execution_id)
            if state == PARTLY:
                log.warning(
                    "%s: export %s omitted rows; the next run reads everything.",
                    self._job.read.entity,
                    note.execution_id,
                )
                self._job.coverage.require_full_read(cursor)
        return landed

    def _executed(self, note: PackageJob, resumed: bool) -> tuple[PackageJob, Asked, str]:
        """Start the execution if needed and wait for its end.

        Returns it under the service's id, when it was asked for, and its last state.
        """
        state = self._jobs.wait(note.execution_id) if resumed else UNKNOWN
        if state != UNKNOWN or note.started:
            return note, note.asked, state
        asked = self._notes.asking(note.execution_id)
        known_as = self._jobs.export(Project(self._group(note), note.company), note.execution_id)
        self._notes.started(note.execution_id, known_as)
        state = self._jobs.wait(known_as)
        return PackageJob(**{**vars(note), "execution_id": known_as}), asked, state

    def _group(self, note: PackageJob) -> str:
        return (self._package.full_group if note.read_id is not None else self._package.group) or ""

    def _lost(self, note: PackageJob, state: str) -> Unavailable:
        self._give_up(note)
        reason = job_sentence(self._jobs, note.execution_id) if state != UNKNOWN else ""
        return Unavailable(
            f"{self._client.host}: export {note.execution_id} of {self._job.read.entity} ended as {state}. {reason}".strip()
        )

    def _give_up(self, note: PackageJob) -> None:
        """Note that an execution is lost; a full read then finds the changes it may have taken."""
        with self._job.connection, self._job.connection.cursor() as cursor:
            self._notes.finish(cursor, note.execution_id, "lost")
            if note.read_id is None:
                self._job.coverage.require_full_read(cursor)

    def _pages(self, file: IO[bytes], note: PackageJob, asked: Asked) -> Iterator[Page]:
        """The rows of a package in slices, without those that have landed already."""
        read = self._job.read
        lines = Package(file).rows(self._package.entity)
        header = next(lines, None)
        if header is None:
            return
        reader = RowReader(header, read.select, self._types, note.company, self._package.dates)
        number = 0
        while chunk := list(islice(lines, note.slice_size or SLICE)):
            if number >= note.slices:
                yield Page(rows=[reader.row(cells) for cells in chunk], observed_at=asked.at)
            number += 1
