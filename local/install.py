"""Install everything in requirements.lock into the project's own .venv; does nothing if it is up to date.

Uses only the standard library, because nothing is installed yet when it runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.errors import LocalError

NEEDED_BYTES = 1_500_000_000
# These would redirect the installation, or prevent byte code (two to three times slower).
FOREIGN_VARIABLES = (
    "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
# uv does not read pip's configuration, so its network settings are passed on.
PIP_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def main(root: str) -> int:
    """Exit code 0 if the environment is complete, 2 after printing what is missing."""
    try:
        ensure(Path(root))
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def ensure(root: Path) -> None:
    """Bring `root`/.venv in line with requirements.lock; LocalError if that is not possible."""
    venv = root / ".venv"
    stamp = _stamp(root)
    if _is_stamped(venv, stamp):
        return
    _check_machine(root, venv)
    with _lock(root):
        if not _is_stamped(venv, stamp):
            _install(root, venv)
            (venv / "installed.json").write_text(stamp, encoding="utf-8")


def _is_stamped(venv: Path, stamp: str) -> bool:
    try:
        return (venv / "installed.json").read_text(encoding="utf-8") == stamp and _python(venv).exists()
    except OSError:
        return False


def _stamp(root: Path) -> str:
    """What the environment was made from. It includes the folder, because scripts in .venv contain its path."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml", "sandbox/pyproject.toml"):
        try:
            digest.update((root / name).read_bytes())
        except FileNotFoundError:
            raise LocalError(
                f"{root / name} is missing: clone the whole repository and run make in its root."
            ) from None
    return json.dumps({"made_from": digest.hexdigest(), "root": str(root)})


def _check_machine(root: Path, venv: Path) -> None:
    """Raise LocalError for every cause of failure that can be known before anything is created."""
    if not os.access(root, os.W_OK) or (venv.exists() and not os.access(venv, os.W_OK)):
        raise LocalError(f"{root} is not writable: clone the repository into a folder of your own.")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for module in ("venv", "ensurepip", "ssl", "sqlite3"):
        if importlib.util.find_spec(module) is None or (
            module == "ssl" and importlib.util.find_spec("_ssl") is None
        ):
            package = (
                f"python{version}-venv" if module in ("venv", "ensurepip") else f"libpython{version}-stdlib"
            )
            raise LocalError(
                f"{sys.executable} has no module {module}: install it (Debian: apt install {package}) "
                f"or choose another Python with `make PYTHON=...`."
            )
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise LocalError(
            f"{root} has {free / 1e9:.1f} GB free, but the installation needs {NEEDED_BYTES / 1e9:.1f} GB: "
            f"free some space or clone the repository onto another disk."
        )


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _install(root: Path, venv: Path) -> None:
    print(f"Installing into {venv} (0.7 GB; 15 seconds on a fast network) ...", flush=True)
    new = not _usable(venv)
    try:
        if new:
            shutil.rmtree(venv, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(venv)], root, "create a virtual environment")
        python = str(_python(venv))
        uv = [python, "-m", "uv", "pip"]
        target = ["--python", python]
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "uv"], root, "download packages")
        (venv / "installed.json").unlink(missing_ok=True)
        packages = ["--no-deps", "--editable", str(root), "--editable", str(root / "sandbox")]
        for extra in ({}, {"UV_SYSTEM_CERTS": "1"}):
            settings = {**_uv_settings(pip), **extra}
            synced = _try(
                [*uv, "sync", "--quiet", "--compile-bytecode", *target, "requirements.lock"], root, settings
            )
            if synced.returncode == 0:
                _run([*uv, "install", "--quiet", *target, *packages], root, "install this project", settings)
                break
        else:
            print(
                f"uv failed ({_reason(synced.stderr)}); installing with pip, which takes a minute ...",
                flush=True,
            )
            _run([*pip, "install", "--quiet", "-r", "requirements.lock"], root, "download packages")
            _run([*pip, "install", "--quiet", *packages], root, "install this project")
    except BaseException:
        if new:
            shutil.rmtree(venv, ignore_errors=True)
        raise


def _usable(venv: Path) -> bool:
    """Whether `venv` has a Python of a supported version and was created at this path."""
    question = "import sys; print(sys.prefix); sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    try:
        completed = subprocess.run(
            [str(_python(venv)), "-c", question], capture_output=True, text=True, check=False
        )
        script = (venv / "bin" / "activate").read_text(encoding="utf-8")
    except OSError:
        return False
    return completed.returncode == 0 and str(venv) in script


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _uv_settings(pip: Sequence[str]) -> dict[str, str]:
    """pip's configuration as uv's environment variables, except those that are already set."""
    settings = {}
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        variable = PIP_SETTINGS.get(name.rpartition(".")[2])
        if variable and variable not in os.environ:
            settings[variable] = " ".join(value.strip("'\"").replace("\\n", " ").split())
    if "UV_INDEX" in settings:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does: the best version of any index
    if not os.access(Path.home(), os.W_OK):
        settings["UV_NO_CACHE"] = "1"
    return settings


def _run(command: Sequence[str], root: Path, purpose: str, settings: dict[str, str] | None = None) -> None:
    done = _try(command, root, settings or {})
    if done.returncode != 0:
        raise LocalError(
            f"Could not {purpose}: {_reason(done.stderr or done.stdout)}. This needs a package registry: "
            f"check the network, or configure a mirror or proxy for pip."
        )


def _try(command: Sequence[str], root: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    environment.update(settings)
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("error", "cause"))]
    return (telling or lines or ["no reason given"])[-1].rstrip(".")
