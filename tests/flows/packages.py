"""The flow of accounts with data packages, and the data projects that a user sets up for it."""

from __future__ import annotations

from pathlib import Path

from tests.world import World, dags_with

CHANGES, ALL = "P2C customers, changes", "P2C customers, all"
LABEL = "Customers V3"
READ = "entity: CustomersV3, key: [dataAreaId, CustomerAccount], strategy: compare, every: 1d"
BY_PACKAGE = (
    READ.replace("compare", "package")
    + f', page_size: 25, package: {{entity: "{LABEL}", group: "{CHANGES}", full_group: "{ALL}"}}'
)
WRITE = "batch_size: 200, read_back: [PartyNumber], "
AS_PACKAGE = WRITE + f'package: {{min_rows: 10, group: "P2C new customers", entity: "{LABEL}"}}, '


def package_dags(folder: Path) -> Path:
    """DAGs whose cards read CustomersV3 by package and create accounts by package."""
    return dags_with(
        folder, {"accounts": {READ: BY_PACKAGE, WRITE: AS_PACKAGE}, "contacts": {READ: BY_PACKAGE}}
    )


def set_up_projects(world: World) -> None:
    """Create the two export projects: one for changes, one for everything."""
    for name, refresh in ((CHANGES, "IncrementalPush"), (ALL, "FullPush")):
        entity = {"label": LABEL, "source_format": "CSV", "refresh_type": refresh}
        answer = world.finops.admin.put(
            f"{world.finops.root}/_sandbox/packages/projects/{name}", json={"entities": [entity]}, timeout=30
        )
        assert answer.ok, answer.text


def jobs(world: World) -> list[dict]:
    """Every job of data management since the sandbox was started."""
    return world.finops.admin.get(f"{world.finops.root}/_sandbox/packages/jobs", timeout=30).json()["jobs"]


def switch(world: World, **switches: object) -> None:
    """Set switches of the stand-in's data management, such as ``run_seconds``."""
    answer = world.finops.admin.put(
        f"{world.finops.root}/_sandbox/packages/switches", json=switches, timeout=30
    )
    assert answer.ok, answer.text
