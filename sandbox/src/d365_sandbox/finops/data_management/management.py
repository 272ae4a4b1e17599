"""Data management as a whole: what the actions, the connector and the admin API work with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta

from d365_sandbox.clock import Clock
from d365_sandbox.finops.data_management.archive import PackageError
from d365_sandbox.finops.data_management.blobs import BlobStore
from d365_sandbox.finops.data_management.exporting import Exporter, Extent
from d365_sandbox.finops.data_management.importing import (
    Importer,
    Package,
    Upsert,
    keys_file,
    open_package,
    package_of_file,
)
from d365_sandbox.finops.data_management.job_records import job_of, record_of
from d365_sandbox.finops.data_management.jobs import EntityRun, Job, Jobs
from d365_sandbox.finops.data_management.keep import Keep
from d365_sandbox.finops.data_management.names import by_label
from d365_sandbox.finops.data_management.projects import EXPORT, IMPORT, Projects
from d365_sandbox.finops.data_management.tracking import Tracking
from d365_sandbox.finops.switches import Switches
from d365_sandbox.schemas.entity import Entity, fold
from d365_sandbox.store.store import Store

_JOB = "job"


class ManagementError(Exception):
    """Something data management refuses to do; the message says why."""


class DataManagement:
    """Projects, jobs, files and version tokens of one environment."""

    def __init__(
        self,
        entities: Mapping[str, Entity],
        store: Store,
        clock: Clock,
        default_company: str,
        switches: Switches,
        upsert: Upsert,
    ) -> None:
        self.entities = entities
        self.clock = clock
        self.switches = switches
        self.default_company = default_company
        self.keep = Keep(store.folder / "packages")
        self.blobs = BlobStore(clock, self.keep)
        self.projects = Projects(store, entities, self.keep)
        self.tracking = Tracking(self.keep)
        self.jobs = Jobs(clock, self.flush, self.save)
        self.exporter = Exporter(entities, store, self.projects, self.blobs, self.tracking)
        self._importer = Importer(entities, self.blobs, upsert)
        self._store = store
        for record in self.keep.take(_JOB).values():
            self.jobs.know(job_of(record), self._again)

    def flush(self) -> None:
        """Hand rows and records to the operating system."""
        self._store.flush()
        self.keep.flush()

    def save(self, job: Job) -> None:
        """Remember a job, and its package as long as it may be needed again."""
        self.keep.put(_JOB, job.id, record_of(job))
        if job.done or job.canceled:
            self.keep.remove(_JOB, job.id)

    def change_switches(self, given: Mapping[str, object]) -> None:
        """Set switches. Raises ValueError."""
        self.switches = self.switches.changed(given)
        if not self.switches.change_tracking:
            self.tracking.clear()

    def start_import(
        self,
        content: bytes,
        group: str,
        execution_id: str,
        company: str,
        execute: bool = True,
        overwrite: bool = True,
    ) -> Job:
        """Queue the import of a package. Raises PackageError and ManagementError."""
        package = open_package(content, self.entities, self.switches)
        job = self._import_job(
            package, group or package.manifest.group, execution_id, company, execute, overwrite
        )
        return self._queue_import(job, package, content)

    def start_file_import(self, content: bytes, group: str, label: str, company: str) -> Job:
        """Queue the import of one file in the format that the project says. Raises PackageError and
        ManagementError."""
        package = self._package_of_file(content, group, label)
        job = self._import_job(package, group, "", company, execute=True, overwrite=False)
        job.order = {"label": label}
        return self._queue_import(job, package, content)

    def _package_of_file(self, content: bytes, group: str, label: str) -> Package:
        found = next((e for e in self.projects.entities_of(group) if fold(e.label) == fold(label)), None)
        if found is None:
            raise ManagementError(f"Entity {label} is not part of data project {group}.")
        return package_of_file(content, found, self.entities, self.switches)

    def _import_job(
        self, package: Package, group: str, execution_id: str, company: str, execute: bool, overwrite: bool
    ) -> Job:
        if not group:
            raise ManagementError("A data project must be named.")
        if self.jobs.busy_with(group, IMPORT):
            raise ManagementError(
                f"Data project {group} is being imported: imports must not run in parallel."
            )
        job = self._job(group, IMPORT, execution_id, company, repeat=False)
        self.projects.save_import(group, package.manifest.entities, overwrite)
        job.executed = execute
        return job

    def _queue_import(self, job: Job, package: Package, content: bytes) -> Job:
        self.keep.write(_JOB, job.id, content)
        self.jobs.add(job, self._importer.work(package, self.switches))
        return job

    def start_export(
        self,
        group: str,
        package_name: str,
        execution_id: str,
        company: str,
        again: bool = False,
        extent: Extent | None = None,
    ) -> Job:
        """Queue an export. Raises PackageError and ManagementError."""
        project = self.projects.find(group)
        if project is None:
            raise ManagementError(f"Data project {group} does not exist.")
        if project.fields.get("OperationType", EXPORT) != EXPORT:
            raise ManagementError(f"Data project {group} is no export project.")
        extent = extent or Extent()
        entities = self.exporter.check(str(project.fields["Name"]), extent)
        job = self._job(str(project.fields["Name"]), EXPORT, execution_id, company, repeat=again)
        job.package_name = package_name
        job.order = {**asdict(extent), "labels": list(extent.labels)}
        self.jobs.add(job, self.exporter.work(entities, self.switches, extent))
        return job

    def _again(self, job: Job) -> Iterator[None]:
        """The work of a job that a restart interrupted; a job that cannot be resumed is cancelled."""
        content = self.keep.read(_JOB, job.id) or b""
        try:
            if job.operation == EXPORT:
                extent = Extent(**{**job.order, "labels": tuple(job.order["labels"])})
                entities = self.exporter.check(job.group, extent)
                yield from self.exporter.work(entities, self.switches, extent)(job)
            elif "label" in job.order:
                package = self._package_of_file(content, job.group, job.order["label"])
                yield from self._importer.work(package, self.switches)(job)
            else:
                package = open_package(content, self.entities, self.switches)
                yield from self._importer.work(package, self.switches)(job)
        except (PackageError, ManagementError):
            job.canceled = True

    def _job(self, group: str, operation: str, execution_id: str, company: str, repeat: bool) -> Job:
        """A job with the caller's id or one of our own. A repeated id is refused, or runs again if the switch
        says so (assumed)."""
        company = fold(company) or self.default_company
        if self._store.tables["LegalEntities"].get((company,)) is None:
            raise ManagementError(f"Legal entity {company} does not exist.")
        before = self.jobs.find(execution_id) if execution_id else None
        if before is not None and not (repeat or self.switches.repeated_execution_id == "rerun"):
            raise ManagementError(f"Execution {execution_id} already exists.")
        if before is not None and not self.jobs.is_finished(before):
            raise ManagementError(f"Execution {execution_id} is still running.")
        return Job(
            id=execution_id or f"{group}-{uuid.uuid4()}",
            group=group,
            operation=operation,
            company=company,
            starts_at=self.clock.now() + timedelta(seconds=self.switches.queue_seconds),
            run_time=timedelta(seconds=self.switches.run_seconds),
        )

    def generate_keys_file(self, job: Job, run: EntityRun) -> bool:
        """Begin to make the file of keys that failed in the target; False when there are none."""
        if not run.failed_keys or not self.jobs.is_finished(job):
            return False
        if not run.keys_file:
            entity = by_label(self.entities)[fold(run.label)]
            run.keys_file = f"{job.id}-error-keys-{entity.set_name}.csv"
            self.blobs.store(run.keys_file, keys_file(entity, run), "text/csv")
            run.keys_ready_at = self.clock.now() + timedelta(seconds=self.switches.error_file_seconds)
            self.save(job)
        return True

    def link(self, root: str, name: str, permissions: str = "r") -> str:
        """A link to a file, or nothing when the file is not there (any more)."""
        if "w" not in permissions and not self.blobs.exists(name, self.switches.blob_days):
            return ""
        return self.blobs.link(root, name, permissions, self.switches.link_seconds)

    def follow(self, url: str) -> bytes:
        """The package behind a link of this environment. Raises BlobError."""
        return self.blobs.follow(url, self.switches.blob_days)
