"""The accounts flow with its volumes in packages, and what a data management user sets up for it."""

from __future__ import annotations

from pathlib import Path

from tests.world import World, dags_with

CHANGES, ALL = "P2C customers, changes", "P2C customers, all"
LABEL = "Customers V3"
READ = "entity: CustomersV3, key: [dataAreaId, CustomerAccount], strategy: compare, every: 1d"
BY_PACKAGE = (
    READ.replace("compare", "package") + f', package_entity: "{LABEL}", package_group: "{CHANGES}", '
    f'package_full_group: "{ALL}", page_size: 25'
)
WRITE = "batch_size: 200, read_back: [PartyNumber]}"
AS_PACKAGE = (
    "batch_size: 200, read_back: [PartyNumber], via: package, package_from: 10, "
    f'package_group: "P2C new customers", package_entity: "{LABEL}"}}'
)


def package_dags(folder: Path) -> Path:
    """DAGs whose cards read CustomersV3 by package and create accounts by package."""
    return dags_with(
        folder, {"accounts": {READ: BY_PACKAGE, WRITE: AS_PACKAGE}, "contacts": {READ: BY_PACKAGE}}
    )


def set_up_projects(world: World) -> None:
    """What a user makes in data management: one project for changes, one for everything."""
    for name, refresh in ((CHANGES, "IncrementalPush"), (ALL, "FullPush")):
        entity = {"label": LABEL, "source_format": "CSV", "refresh_type": refresh}
        answer = world.finops.admin.put(
            f"{world.finops.root}/_sandbox/packages/projects/{name}", json={"entities": [entity]}, timeout=30
        )
        assert answer.ok, answer.text


def jobs(world: World) -> list[dict]:
    """Every job of data management since the sandbox started."""
    return world.finops.admin.get(f"{world.finops.root}/_sandbox/packages/jobs", timeout=30).json()["jobs"]


def switch(world: World, **switches: object) -> None:
    answer = world.finops.admin.put(
        f"{world.finops.root}/_sandbox/packages/switches", json=switches, timeout=30
    )
    assert answer.ok, answer.text
