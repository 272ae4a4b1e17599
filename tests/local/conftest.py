from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from local.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def new_server(tmp_path, said):
    """One that was never started."""
    server = EmbeddedPostgres(tmp_path / "new", said.append)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def stopped_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("stopped")
    EmbeddedPostgres(home).start()
    EmbeddedPostgres(home).stop()
    return home


@pytest.fixture
def server(tmp_path, said, stopped_home):
    """One that was started and stopped before."""
    shutil.copytree(stopped_home, tmp_path / "home")
    server = EmbeddedPostgres(tmp_path / "home", said.append)
    yield server
    server.stop()


@pytest.fixture
def checkout(tmp_path):
    """What the installation needs of the repository, in a folder of its own whose name has a blank."""
    folder = tmp_path / "a checkout"
    for name in ("local", "plugins"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("Makefile", "pyproject.toml", "LICENSE", "requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / "README.md").touch()
    return folder


def is_open_to_all(path: Path) -> bool:
    path = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in [path, *path.parents])


@pytest.fixture
def as_nobody():
    """Run Python code as an ordinary user, in a folder of that user's own: code -> completed process."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    candidates = [Path(sys.executable), Path(f"/usr/bin/python3.{sys.version_info[1]}")]
    python = next((path for path in candidates if path.exists() and is_open_to_all(path)), None)
    if python is None or not is_open_to_all(ROOT):
        pytest.skip("no Python that another user may run")
    folder = Path(tempfile.mkdtemp(prefix="p2c-nobody-"))
    os.chown(folder, NOBODY, NOBODY)

    def run(code: str, **extra: str) -> subprocess.CompletedProcess[str]:
        paths = [str(ROOT), sysconfig.get_path("purelib")]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), "HOME": str(folder)}
        return subprocess.run(
            [str(python), "-c", code],
            cwd=folder,
            env={**environment, **extra},
            capture_output=True,
            text=True,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            timeout=60,
            check=False,
        )

    run.folder = folder
    yield run
    shutil.rmtree(folder)
