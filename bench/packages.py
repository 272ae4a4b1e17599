"""DAGs whose customers are read and created by data packages."""

import shutil
from pathlib import Path

import yaml

ENTITY, LABEL = "CustomersV3", "Customers V3"


def dags_by_package(dags: Path, folder: Path) -> Path:
    """Copy the DAGs to `folder`, with a card of accounts that uses the data projects of the stand-in."""
    shutil.copytree(dags, folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "flows" / "accounts.yaml"
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    for read in card["reads"]:
        if read["entity"] == ENTITY:
            package = {
                "entity": LABEL,
                "group": f"Export changes of {LABEL}",
                "full_group": f"Export {LABEL}",
            }
            read |= {"strategy": "package", "package": package}
    for write in card["writes"]:
        if write["entity"] == ENTITY and write.get("creates", True):
            write["package"] = {"entity": LABEL, "group": f"New {LABEL}"}
    path.write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    return folder
