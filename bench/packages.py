"""The cards of accounts with the volumes of Finance and Operations in data packages."""

import shutil
from pathlib import Path

import yaml

ENTITY, LABEL = "CustomersV3", "Customers V3"


def dags_by_package(dags: Path, folder: Path) -> Path:
    """A copy of the DAGs whose accounts are created and customers read by the projects that the stand-in has ready."""
    shutil.copytree(dags, folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "flows" / "accounts.yaml"
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    for read in card["reads"]:
        if read["entity"] == ENTITY:
            read |= {
                "strategy": "package",
                "package_entity": LABEL,
                "package_group": f"Export changes of {LABEL}",
                "package_full_group": f"Export {LABEL}",
            }
    for write in card["writes"]:
        if write["entity"] == ENTITY and write.get("creates", True):
            write |= {"via": "package", "package_entity": LABEL, "package_group": f"New {LABEL}"}
    path.write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    return folder
