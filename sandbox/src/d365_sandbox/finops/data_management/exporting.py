"""Exports: the rows of a project's entities into a package, in full or only what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from d365_sandbox.finops.data_management.archive import HEADER, MANIFEST, PackageError, pack
from d365_sandbox.finops.data_management.blobs import BlobStore
from d365_sandbox.finops.data_management.files import EXTENSIONS, Records, check_format, write_file
from d365_sandbox.finops.data_management.jobs import EXECUTING, EntityRun, Job
from d365_sandbox.finops.data_management.manifest import (
    FieldMap,
    Manifest,
    PackageEntity,
    render_header,
    render_manifest,
)
from d365_sandbox.finops.data_management.names import by_label, element_name, file_name, staging_fields
from d365_sandbox.finops.data_management.projects import INCREMENTAL, Projects, Shape
from d365_sandbox.finops.data_management.staging import COMPANY_COLUMN
from d365_sandbox.finops.data_management.tracking import Token, Tracking, token
from d365_sandbox.finops.data_management.values import writer
from d365_sandbox.finops.reads import DIALECT
from d365_sandbox.finops.rows import COMPANY
from d365_sandbox.finops.switches import Switches
from d365_sandbox.finops.views import as_seen
from d365_sandbox.odata.filter_parser import FilterError
from d365_sandbox.odata.matching import Matcher
from d365_sandbox.schemas.entity import Entity, Wire, fold
from d365_sandbox.store.store import Store
from d365_sandbox.store.table import Row

_AT_ONCE = 200  # rows between two looks at the clock


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a project is exported: the labels of some entities or, with none, all; only changes, whatever
    the refresh type; or so many rows of a preview, which moves no token (assumed)."""

    labels: tuple[str, ...] = ()
    changes_only: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class _Content:
    """One entity's file, what the manifest says of it, and the token that moves on to these rows."""

    name: str
    content: bytes
    package: PackageEntity
    token: Token | None
    rows: list[Row]


class Exporter:
    """Runs the jobs that export."""

    def __init__(
        self,
        entities: Mapping[str, Entity],
        store: Store,
        projects: Projects,
        blobs: BlobStore,
        tracking: Tracking,
    ) -> None:
        self._entities = entities
        self._store = store
        self._projects = projects
        self._blobs = blobs
        self._tracking = tracking
        self._matcher = Matcher(DIALECT)

    def check(self, project: str, extent: Extent) -> list[PackageEntity]:
        """The entities that a project exports. Raises PackageError for one that cannot be exported."""
        labels = {fold(label) for label in extent.labels}
        found = [
            e
            for e in self._projects.entities_of(project)
            if not e.disabled and (not labels or fold(e.label) in labels)
        ]
        if not found:
            raise PackageError(f"Data project {project} has none of the entities.")
        for entity in found:
            check_format(entity.source_format, entity.label)
        return found

    def check_filter(self, label: str, text: str) -> None:
        """Refuse a filter that no row can be tested with. Raises ValueError."""
        entity = by_label(self._entities)[fold(label)]
        self._matching(entity, text, None)

    def work(
        self, entities: Sequence[PackageEntity], switches: Switches, extent: Extent
    ) -> Callable[[Job], Iterator[None]]:
        """What a job does, step by step."""

        def steps(job: Job) -> Iterator[None]:
            job.runs = [EntityRun(e.label) for e in entities]
            made: list[_Content] = []
            for package, run in zip(entities, job.runs, strict=True):
                yield from self._entity(job, run, package, switches, extent, made)
                run.finish()
            files = {content.name: content.content for content in made}
            manifest = Manifest(job.group, "", tuple(content.package for content in made))
            files = {MANIFEST: render_manifest(manifest), HEADER: render_header(job.package_name), **files}
            job.package = f"{job.package_name or job.group}-{job.id}.zip"
            job.exported = sum(run.good for run in job.runs)
            self._blobs.store(job.package, pack(files))
            for content in made:
                if content.token is not None:
                    self._tracking.advance(content.token, content.rows)

        return steps

    def _entity(
        self,
        job: Job,
        run: EntityRun,
        package: PackageEntity,
        switches: Switches,
        extent: Extent,
        made: list[_Content],
    ) -> Iterator[None]:
        run.state = EXECUTING
        entity = by_label(self._entities)[fold(package.label)]
        shape = self._projects.shape(job.group, package.label)
        rows = self._rows(entity, shape, job.company)
        at = _tracked(job, package, switches, extent)
        chosen = rows[: extent.count] if at is None else self._tracking.changed(at, rows)
        form = check_format(package.source_format, package.label)
        columns = _columns(entity, shape, switches)
        records = Records(list(columns), _texts(entity, columns, chosen, switches, form.startswith("XML")))
        pieces: list[bytes] = []
        for n, piece in enumerate(write_file(records, form, element_name(entity))):
            pieces.append(piece)
            if n % _AT_ONCE == 0:
                yield
        run.total = run.good = len(chosen)
        name = file_name(package.label, EXTENSIONS[form], {content.name for content in made})
        maps = tuple(FieldMap(column, column) for column in columns)
        made.append(_Content(name, b"".join(pieces), replace(package, file=name, maps=maps), at, rows))

    def _rows(self, entity: Entity, shape: Shape, company: str) -> list[Row]:
        return self._matching(entity, shape.filter, company if COMPANY in entity.fields else None)

    def _matching(self, entity: Entity, text: str, scope: str | None) -> list[Row]:
        try:
            return self._matcher.rows(as_seen(self._store.tables, entity), text, [], {}, scope)
        except FilterError as error:
            raise ValueError(str(error)) from None


def _tracked(job: Job, package: PackageEntity, switches: Switches, extent: Extent) -> Token | None:
    """The token of an entity of which only changes are exported; None where all rows are."""
    only_changes = extent.changes_only or package.refresh_type == INCREMENTAL
    if extent.count is not None or not switches.change_tracking or not only_changes:
        return None
    return token(job.group, package.label, job.company)


def _columns(entity: Entity, shape: Shape, switches: Switches) -> dict[str, str]:
    """The fields of an export by staging name: the chosen ones, else all of the entity."""
    fields = {staged: f.name for staged, f in staging_fields(entity).items()}
    if shape.fields:
        fields = {name: fields[name] for name in shape.fields}
    if switches.company_column and COMPANY in entity.fields:
        fields[COMPANY_COLUMN] = COMPANY
    return fields


def _texts(
    entity: Entity, columns: Mapping[str, str], rows: Sequence[Row], switches: Switches, is_xml: bool
) -> Iterator[list[str]]:
    """The rows as text. What a row does not hold is written once, as its type's empty value."""
    described = {name: entity.fields[name] for name in columns.values()}
    writers: dict[str, tuple[int, Callable[[Wire], str]]] = {
        name: (n, writer(described[name], switches, is_xml)) for n, name in enumerate(described)
    }
    empty = [writers[name][1](f.empty) for name, f in described.items()]
    nothing: tuple[int, Any] = (-1, None)
    for row in rows:
        texts = empty.copy()
        for name, value in row.fields.items():
            place, write = writers.get(name, nothing)
            if place >= 0 and value is not None:
                texts[place] = value if type(value) is str and write is str else write(value)
        yield texts
