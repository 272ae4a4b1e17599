from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import psutil
import pytest

from local.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
FOREIGN = ("AIRFLOW", "P2C_", "SANDBOX_", "PYTHONPATH")


class Commands:
    """`python -m local ...` as the Makefile calls it, with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.env.update(P2C_HOME=str(home), P2C_UI_PORT="0", SANDBOX_SALES_PORT="0", SANDBOX_FINOPS_PORT="0")

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=ROOT,
            env={**self.env, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # If a script runs the tests in the background, they inherit that Ctrl-C is ignored; in a terminal it is not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def __call__(self, *arguments: str, expect: int = 0, **variables: str) -> str:
        """Run a command and return what it printed, errors last."""
        return "".join(self.outputs(*arguments, expect=expect, **variables))

    def outputs(self, *arguments: str, expect: int = 0, **variables: str) -> tuple[str, str]:
        """Run a command and return its standard output and standard error."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=600)
        assert process.returncode == expect, out + err
        return out, err

    def processes(self) -> list[str]:
        """Command lines of the processes that still work for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and str(self.home) in " ".join(
                    [*process.cmdline(), process.cwd(), process.environ().get("P2C_HOME", "")]
                ):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found


@pytest.fixture
def commands(tmp_path):
    """The commands; what they leave running is stopped."""
    commands = Commands(tmp_path / "home")
    yield commands
    commands("down")


@pytest.fixture
def messages() -> list[str]:
    """What the servers of a test tell the user."""
    return []


@pytest.fixture
def new_server(tmp_path, messages):
    """A server that was never started."""
    server = EmbeddedPostgres(tmp_path / "new", messages.append)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def stopped_home(tmp_path_factory):
    """The home of a server that was started and stopped."""
    home = tmp_path_factory.mktemp("stopped")
    EmbeddedPostgres(home).start()
    EmbeddedPostgres(home).stop()
    return home


@pytest.fixture
def server(tmp_path, messages, stopped_home):
    """A server that was started and stopped before."""
    shutil.copytree(stopped_home, tmp_path / "home")
    server = EmbeddedPostgres(tmp_path / "home", messages.append)
    yield server
    server.stop()


@pytest.fixture
def checkout(tmp_path):
    """The files that an installation needs, in a folder whose name has a space."""
    folder = tmp_path / "a checkout"
    for name in ("local", "plugins", "sandbox/src"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("Makefile", "pyproject.toml", "LICENSE", "requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copy(ROOT / "sandbox" / "pyproject.toml", folder / "sandbox")
    for name in ("README.md", "sandbox/README.md"):
        (folder / name).touch()
    return folder


def is_open_to_all(path: Path) -> bool:
    path = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in [path, *path.parents])


@pytest.fixture
def as_nobody():
    """Run Python code as an ordinary user, in a folder of that user: code -> completed process."""
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
