"""Client libraries that others wrote, unchanged, against the sandbox over HTTPS (see foreign/README.md)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.running import Sandbox

SCRIPTS = Path(__file__).parent / "foreign"
NAMES = SCRIPTS / "names"
FOLDER = Path(os.environ.get("FOREIGN_CLIENTS", sys.prefix)).absolute()
SALES = "https://org.crm.dynamics.com"
FINOPS = "https://contoso.operations.dynamics.com"
LOGIN = "https://login.microsoftonline.com"


@pytest.fixture
def sandbox(tmp_path):
    hosts = ",".join(url.removeprefix("https://") for url in (SALES, FINOPS, LOGIN))
    sandbox = Sandbox(
        tmp_path, "--alternate-key", "accounts=accountnumber",
        SANDBOX_TLS="1", SANDBOX_TLS_NAMES=hosts, SANDBOX_SALES_URL=SALES, SANDBOX_FINOPS_URL=FINOPS,
    )  # fmt: skip
    sandbox.finops.create("LegalEntities", {"LegalEntityId": "usmf"})
    yield sandbox
    sandbox.kill()


def outcome(words, sandbox, url, tmp_path, *more):
    """What a script says of its steps, on a machine where the names of Microsoft's hosts lead to the sandbox."""
    authority = sandbox.card["ca_file"]
    trust = {"REQUESTS_CA_BUNDLE": authority, "SSL_CERT_FILE": authority, "NODE_EXTRA_CA_CERTS": authority}
    ports = {SALES: sandbox.sales, FINOPS: sandbox.finops, LOGIN: sandbox.sales}
    hosts = [f"{name.removeprefix('https://')}={at.url.rpartition(':')[2]}" for name, at in ports.items()]
    names = {
        "FOREIGN_HOSTS": ",".join(hosts),
        "PYTHONPATH": str(NAMES),
        "NODE_OPTIONS": f'--require "{NAMES / "hosts.cjs"}"',
        "HOME": str(tmp_path),  # some libraries keep files there
    }
    done = subprocess.run(
        [*words, url, sandbox.card["tenant_id"], "sandbox", "sandbox-secret", *more],
        capture_output=True, text=True, timeout=100, env={**os.environ, **trust, **names},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def python_with(module):
    python = str(FOLDER / "bin" / "python")
    if (
        not Path(python).exists()
        or subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
    ):
        pytest.skip(f"{module} is not installed: see sandbox/tests/conformance/foreign/README.md")
    return python


def modules_with(package):
    modules = FOLDER / "node_modules"
    if shutil.which("node") is None or not (modules / package).is_dir():
        pytest.skip(f"{package} is not installed: see sandbox/tests/conformance/foreign/README.md")
    return str(modules)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "script"),
    [("PowerPlatform.Dataverse", "powerplatform_sdk.py"), ("dataverse_api", "dataverse_api_library.py")],
)
def test_a_python_library_creates_reads_pages_batches_and_upserts(sandbox, tmp_path, module, script):
    steps = outcome([python_with(module), str(SCRIPTS / script)], sandbox, sandbox.sales.url, tmp_path)
    assert len(steps) > 10
    assert [line for line in steps if not line.startswith("ok ")] == []


@pytest.mark.slow
def test_a_python_library_signs_in_by_itself_and_works_on_finops_under_a_real_host_name(sandbox, tmp_path):
    words = [python_with("d365fo_client"), str(SCRIPTS / "d365fo_client_library.py")]
    sandbox.sales.admin("DELETE", "requests")
    steps = outcome(words, sandbox, FINOPS, tmp_path)
    assert len(steps) > 20
    assert [line for line in steps if not line.startswith("ok ")] == []
    asked = sandbox.sales.admin("GET", "requests?path=oauth2/v2.0/token").json()["requests"]
    assert {request["status"] for request in asked} == {200}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "script", "system"),
    [
        ("dynamics-web-api", "dynamics_web_api.mjs", "sales"),
        ("@odata/client", "odata_client.mjs", "finops"),
    ],
)
def test_a_node_library_creates_reads_pages_batches_and_follows_changes(
    sandbox, tmp_path, package, script, system
):
    modules, url = modules_with(package), getattr(sandbox, system).url
    steps = outcome(["node", str(SCRIPTS / script)], sandbox, url, tmp_path, modules)
    assert len(steps) > 5
    assert [line for line in steps if not line.startswith("ok ")] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "script"),
    [("dataverse-webapi", "dataverse_webapi.mjs"), ("mcp-dataverse", "mcp_dataverse.mjs")],
)
def test_a_node_library_follows_changes_under_a_real_host_name(sandbox, tmp_path, package, script):
    modules = modules_with(package)
    steps = outcome(["node", str(SCRIPTS / script)], sandbox, SALES, tmp_path, modules)
    assert len(steps) > 12
    assert [line for line in steps if not line.startswith("ok ")] == []
