"""Client libraries that others wrote, unchanged, against the sandbox over HTTPS (see foreign/README.md)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.running import Sandbox

SCRIPTS = Path(__file__).parent / "foreign"
FOLDER = Path(os.environ.get("FOREIGN_CLIENTS", sys.prefix)).absolute()


@pytest.fixture
def sandbox(tmp_path):
    sandbox = Sandbox(tmp_path, "--alternate-key", "accounts=accountnumber", SANDBOX_TLS="1")
    yield sandbox
    sandbox.kill()


def outcome(words, sandbox, client, *more):
    """What a script says of its steps."""
    authority = sandbox.card["ca_file"]
    trust = {"REQUESTS_CA_BUNDLE": authority, "SSL_CERT_FILE": authority, "NODE_EXTRA_CA_CERTS": authority}
    done = subprocess.run(
        [*words, client.url, client.tenant, "sandbox", "sandbox-secret", *more],
        capture_output=True, text=True, timeout=100, env={**os.environ, **trust},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "script"),
    [("PowerPlatform.Dataverse", "powerplatform_sdk.py"), ("dataverse_api", "dataverse_api_library.py")],
)
def test_a_python_library_creates_reads_pages_batches_and_upserts(sandbox, module, script):
    python = str(FOLDER / "bin" / "python")
    if (
        not Path(python).exists()
        or subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
    ):
        pytest.skip(f"{module} is not installed: see tests/conformance/foreign/README.md")
    said = outcome([python, str(SCRIPTS / script)], sandbox, sandbox.sales)
    assert len(said) > 10
    assert [line for line in said if not line.startswith("ok ")] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "script", "system"),
    [
        ("dynamics-web-api", "dynamics_web_api.mjs", "sales"),
        ("@odata/client", "odata_client.mjs", "finops"),
    ],
)
def test_a_node_library_creates_reads_pages_batches_and_follows_changes(sandbox, package, script, system):
    modules = FOLDER / "node_modules"
    if shutil.which("node") is None or not (modules / package).is_dir():
        pytest.skip(f"{package} is not installed: see tests/conformance/foreign/README.md")
    sandbox.finops.create("LegalEntities", {"LegalEntityId": "usmf"})
    said = outcome(["node", str(SCRIPTS / script)], sandbox, getattr(sandbox, system), str(modules))
    assert len(said) > 5
    assert [line for line in said if not line.startswith("ok ")] == []
