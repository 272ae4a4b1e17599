"""Imports: from the file to staging, and from there to the target through the rules of every write.

Rows fail one by one (finops-odata sheet, section 10). Whatever the manifest says of business validation, it is
always run (assumed, the stricter reading).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from d365_sandbox.finops import errors
from d365_sandbox.finops.data_management.archive import HEADER, MANIFEST, PackageError, unpack
from d365_sandbox.finops.data_management.blobs import BlobStore
from d365_sandbox.finops.data_management.files import EXTENSIONS, Records, check_format, read_file, write_file
from d365_sandbox.finops.data_management.jobs import CANCELED, EXECUTING, EntityRun, Job, RowError
from d365_sandbox.finops.data_management.manifest import (
    FieldMap,
    Manifest,
    PackageEntity,
    check_header,
    read_manifest,
)
from d365_sandbox.finops.data_management.names import (
    by_label,
    element_name,
    file_name,
    staging_fields,
    staging_key,
)
from d365_sandbox.finops.data_management.projects import absent
from d365_sandbox.finops.data_management.staging import Staging, stage
from d365_sandbox.finops.rows import COMPANY
from d365_sandbox.finops.switches import Switches
from d365_sandbox.schemas.entity import Entity, Fields, fold

Upsert = Callable[[Entity, Fields], None]
"""Create or update one row in a transaction of its own. It raises Refused."""
_AT_ONCE = 25  # rows between two looks at the clock


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was unpacked and found to be one."""

    manifest: Manifest
    files: Mapping[str, bytes]


def open_package(content: bytes, entities: Mapping[str, Entity], switches: Switches) -> Package:
    """Unpack a package and look at everything but its rows. Raises PackageError."""
    files = unpack(content, switches)
    for name in (MANIFEST, HEADER):
        if name not in files:
            raise PackageError(f"The package holds no file '{name}'.")
    check_header(files[HEADER])
    manifest = read_manifest(files[MANIFEST])
    labels = by_label(entities)
    for entity in manifest.entities:
        if fold(entity.label) not in labels:
            raise PackageError(absent(entity.label))
        if labels[fold(entity.label)].read_only:
            raise PackageError(f"Entity {entity.label} is read-only and takes no import.")
        if not entity.disabled:
            check_format(entity.source_format, entity.label)
            if entity.file not in files:
                raise PackageError(f"The package holds no file '{entity.file}' for entity {entity.label}.")
    return Package(manifest, files)


def package_of_file(
    content: bytes, found: PackageEntity, entities: Mapping[str, Entity], switches: Switches
) -> Package:
    """A single file as a package; columns that the entity does not have are left out. Raises PackageError."""
    entity = by_label(entities)[fold(found.label)]
    name = file_name(found.label, EXTENSIONS[check_format(found.source_format, found.label)])
    columns = read_file(content, found.source_format, name, element_name(entity), switches).columns
    fields = staging_fields(entity)
    maps = tuple(FieldMap(column, column) for column in columns if column in fields)
    return Package(Manifest("", "", (replace(found, file=name, maps=maps),)), {name: content})


class Importer:
    """Runs the jobs that import."""

    def __init__(self, entities: Mapping[str, Entity], blobs: BlobStore, upsert: Upsert) -> None:
        self._entities = entities
        self._blobs = blobs
        self._upsert = upsert

    def work(self, package: Package, switches: Switches) -> Callable[[Job], Iterator[None]]:
        """What a job does with the package, step by step."""

        def steps(job: Job) -> Iterator[None]:
            entities = sorted((e for e in package.manifest.entities if not e.disabled), key=lambda e: e.order)
            job.runs = [EntityRun(e.label) for e in entities if e.maps]
            failed: list[PackageEntity] = []
            for entity in entities:
                run = job.run_of(entity.label)
                if run is None:
                    continue  # an entity without a field map registers nothing (seen in public clients)
                if any(_stops(f, entity) for f in failed):
                    run.state = CANCELED
                    continue
                yield from self._entity(job, run, entity, package.files[entity.file], switches)
                if run.errors:
                    failed.append(entity)

        return steps

    def _entity(
        self, job: Job, run: EntityRun, package: PackageEntity, content: bytes, switches: Switches
    ) -> Iterator[None]:
        run.state = EXECUTING
        staging = Staging(by_label(self._entities)[fold(package.label)])
        try:
            yield from stage(staging, run, package, content, job.company, switches)
        except PackageError as error:
            run.errors.append(RowError("", "", str(error)))
        self._keep_rejected(job, run, staging, package)
        if job.executed:
            yield from self._to_target(job, run, staging)
        run.finish()

    def _to_target(self, job: Job, run: EntityRun, staging: Staging) -> Iterator[None]:
        entity = staging.entity
        company: Fields = {COMPANY: job.company} if COMPANY in entity.fields else {}
        for n, row in enumerate(staging.rows):
            if n % _AT_ONCE == 0:
                yield
            try:
                self._upsert(entity, {**company, **row.given})
            except errors.Refused as refusal:
                run.errors.append(RowError(",".join(row.key), "", refusal.message))
                run.failed_keys.append(row.key)
            else:
                run.good += 1

    def _keep_rejected(self, job: Job, run: EntityRun, staging: Staging, package: PackageEntity) -> None:
        """The file of records that were lost before staging, in the form in which they came."""
        if staging.rejected:
            width = len(staging.columns)
            rows = [[*row[:width], *[""] * (width - len(row))] for row in staging.rejected]
            form = package.source_format
            run.rejected_file = (
                f"{job.id}-staging-errors-{file_name(run.label, package.file.rpartition('.')[2])}"
            )
            content = b"".join(write_file(Records(staging.columns, rows), form, element_name(staging.entity)))
            self._blobs.store(run.rejected_file, content, "application/octet-stream")


def keys_file(entity: Entity, run: EntityRun) -> bytes:
    """The keys of the rows that the target did not take, as CSV (the form is assumed)."""
    records = Records(staging_key(entity), run.failed_keys)
    return b"".join(write_file(records, "CSV", element_name(entity)))


def _stops(failed: PackageEntity, later: PackageEntity) -> bool:
    """Whether an entity with errors keeps a later one from being run."""
    same_unit = failed.execution_unit == later.execution_unit
    return same_unit and (failed.fail_unit or (failed.fail_level and failed.level == later.level))
