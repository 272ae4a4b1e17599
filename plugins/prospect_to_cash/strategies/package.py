"""Strategy ``package``: what a data project of F&O exports, for volumes that OData should not carry.

A project with change tracking hands out each change once: its token moves on with the export, whether or not the file
is ever fetched (finops sheet, section 12). So the id of the execution is noted before the call, its rows are landed
slice by slice with the note of how far they are in, and a run that finds an unfinished execution ends that one first.
An execution that is lost for good makes the next run read everything. Packages tell of no deletes: full reads at the
card's cadence do, by the project for full exports where the card names one, else by OData.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import IO

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.finops import COMPANY, FinOpsClient
from prospect_to_cash.clients.packages import PARTLY, SUCCEEDED, UNKNOWN, Gone, PackageJobs, Project
from prospect_to_cash.clients.packages_errors import job_sentence
from prospect_to_cash.clients.packages_types import FieldType, field_types
from prospect_to_cash.clients.packages_values import RowReader
from prospect_to_cash.clients.packages_zip import Package
from prospect_to_cash.clients.pages import Garbled, Page
from prospect_to_cash.errors import Misconfigured, Unavailable
from prospect_to_cash.stores.coverage import Bound, Reading
from prospect_to_cash.stores.package_jobs import JobNotes, PackageJob
from prospect_to_cash.stores.raw_store import Landed
from prospect_to_cash.strategies.compare import is_due
from prospect_to_cash.strategies.extraction import Extraction, Tally
from prospect_to_cash.strategies.full import close, full_read

log = logging.getLogger(__name__)
SLICE = 5000
SPOOLED = 32 << 20


def extract(job: Extraction) -> Tally:
    """End what an earlier run left behind, then read everything when that is due, else what has changed."""
    client = job.client
    if not isinstance(client, FinOpsClient):
        raise Misconfigured(f"{job.read.entity}: strategy 'package' reads Finance and Operations alone.")
    bound = job.coverage.bound(job.run_id, lambda: None)
    with job.coverage.alone():
        export = _Export(job, client)
        tally = export.left_behind()
        if not job.coverage.completed_since(job.shape, bound.decided_at) and is_due(job):
            return tally + export.everything(_full_reading(job, bound))
        return tally + export.changes()


def _full_reading(job: Extraction, bound: Bound) -> Reading:
    """The full read under way, or a new one."""
    reading = job.coverage.under_way()
    if (
        reading is None
        or reading.window is not None
        or reading.shape != job.shape
        or not reading.is_recent
        or (job.full and reading.began_at < bound.decided_at)
    ):
        return job.coverage.begin(job.shape, None)
    return reading


class _Export:
    """The exports of one read."""

    def __init__(self, job: Extraction, client: FinOpsClient) -> None:
        self._job = job
        self._client = client
        self._jobs = PackageJobs(client)
        self._notes = JobNotes(job.connection, job.env_id, job.read.entity, "export")

    @cached_property
    def _types(self) -> dict[str, FieldType]:
        return field_types(self._client, self._job.read.entity, self._job.read.select)

    @property
    def _companies(self) -> tuple[str, ...]:
        """A job is for one company; what all companies share is exported once."""
        companies = self._client.companies
        if COMPANY not in self._job.read.key:
            return companies[:1] or ("",)
        if not companies:
            raise Misconfigured(
                f"{self._job.read.entity}: an export is for one company; name the companies of the connection."
            )
        return companies

    def left_behind(self) -> Tally:
        """Land the changes that an earlier run asked for and did not get to the end of."""
        tally = Tally()
        for note in self._notes.open():
            if note.read_id is None:
                tally += Tally(self._land(note, left=True), 0, (f"changes of {note.company} left behind",))
        return tally

    def changes(self) -> Tally:
        tally = Tally()
        for company in self._companies:
            note = self._notes.choose(company, self._job.run_id, None, self._slice)
            tally += Tally(self._land(note), 0, (f"changes of {company}",))
        return tally

    def everything(self, reading: Reading) -> Tally:
        if not self._job.read.package_full_group:
            return full_read(self._job, reading)
        done = self._notes.done_for(reading.read_id)
        begun = {note.company: note for note in self._notes.open() if note.read_id == reading.read_id}
        landed = Landed()
        for company in self._companies:
            if company not in done:
                note = begun.get(company) or self._notes.choose(
                    company, self._job.run_id, reading.read_id, self._slice
                )
                landed += self._land(note, left=company in begun)
        return close(self._job, reading, landed)

    @property
    def _slice(self) -> int:
        return self._job.read.page_size or SLICE

    def _land(self, note: PackageJob, left: bool = False) -> Landed:
        """Follow an execution to its end and land its rows; `left`: it may have been started before."""
        note, asked_at, state = self._followed(note, left)
        if state not in (SUCCEEDED, PARTLY):
            raise self._lost(note, state)

        def progress(cursor: Cursor, page: Page) -> None:
            self._notes.landed(cursor, note.execution_id)

        try:
            with tempfile.SpooledTemporaryFile(SPOOLED) as file:
                self._jobs.download(note.execution_id, file)
                landed = self._job.land(self._pages(file, note, asked_at), progress, note.read_id)
        except (Gone, Garbled, Misconfigured):  # asked for again it would be the same file
            self._give_up(note)
            raise
        with self._job.connection, self._job.connection.cursor() as cursor:
            self._notes.finish(cursor, note.execution_id)
            if state == PARTLY:
                log.warning(
                    "%s: export %s left rows out; the next run reads everything.",
                    self._job.read.entity,
                    note.execution_id,
                )
                self._notes.distrust(cursor)
        return landed

    def _followed(self, note: PackageJob, left: bool) -> tuple[PackageJob, datetime, str]:
        """The execution under the id that the service has for it, when it was asked for, and its last state."""
        state = self._jobs.wait(note.execution_id) if left else UNKNOWN
        if state != UNKNOWN or note.started:
            return note, note.asked_at, state
        asked_at = self._notes.asking(note.execution_id)
        known_as = self._jobs.export(Project(self._group(note), note.company), note.execution_id)
        self._notes.started(note.execution_id, known_as)
        state = self._jobs.wait(known_as)
        return PackageJob(**{**vars(note), "execution_id": known_as}), asked_at, state

    def _group(self, note: PackageJob) -> str:
        read = self._job.read
        return (read.package_full_group if note.read_id is not None else read.package_group) or ""

    def _lost(self, note: PackageJob, state: str) -> Unavailable:
        self._give_up(note)
        said = job_sentence(self._jobs, note.execution_id) if state != UNKNOWN else ""
        return Unavailable(
            f"{self._client.host}: export {note.execution_id} of {self._job.read.entity} ended as {state}. {said}".strip()
        )

    def _give_up(self, note: PackageJob) -> None:
        """Note that an execution brings nothing; changes that it may have taken are found by a full read."""
        with self._job.connection, self._job.connection.cursor() as cursor:
            self._notes.finish(cursor, note.execution_id, "lost")
            if note.read_id is None:
                self._notes.distrust(cursor)

    def _pages(self, file: IO[bytes], note: PackageJob, asked_at: datetime) -> Iterator[Page]:
        """The rows of a package in slices, those left out that have landed already."""
        read = self._job.read
        lines = Package(file).rows(read.package_entity or "")
        header = next(lines, None)
        if header is None:
            return
        reader = RowReader(header, read.select, self._types, note.company, read.package_dates)
        number = 0
        while chunk := list(islice(lines, note.slice_size or SLICE)):
            if number >= note.slices:
                yield Page(rows=[reader.row(cells) for cells in chunk], observed_at=asked_at)
            number += 1
