"""`python -m local.check_dbt`: the dbt project can be parsed without a warning and keeps the conventions in dbt-bouncer.yml.

No database is needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = Path(sys.executable).parent


def main(project: Path = ROOT / "dbt_project", conventions: Path = ROOT / "dbt-bouncer.yml") -> int:
    """Exit code 0, or that of the first of the two programs that finds something; they print what is wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = {
            **os.environ,
            **{f"P2C_DB_{name}": "none" for name in ("HOST", "NAME", "USER", "PASSWORD")},
            "P2C_DB_PORT": "5432",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
            "DBT_TARGET_PATH": f"{scratch}/target",
            "DBT_LOG_PATH": f"{scratch}/logs",
            "DBT_PROJECT_DIR": scratch,  # dbt-bouncer reads the manifest in `target` of this folder
        }
        parse: list[str | Path] = [
            PROGRAMS / "dbt", "parse", "--project-dir", project, "--profiles-dir", project, "--target", "prod",
            "--quiet", "--warn-error",
        ]  # fmt: skip
        bounce: list[str | Path] = [PROGRAMS / "dbt-bouncer", "run", "--config-file", conventions]
        for command in (parse, bounce):
            done = subprocess.run(command, env=environment, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
