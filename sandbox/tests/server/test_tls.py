import json
import socket
import ssl
import subprocess

import pytest
import requests
from cryptography import x509

from d365_sandbox import SandboxError
from support.running import SALES, Sandbox


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("tls"), SANDBOX_TLS="1")
    yield sandbox
    sandbox.kill()


def test_https_is_served_with_a_certificate_that_its_authority_signed(secured):
    for client in (secured.sales, secured.finops):
        assert client.url.startswith("https://127.0.0.1:")
        assert client.get("").status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secured.sales.url, timeout=10, verify=True)


def test_the_certificate_stands_for_localhost_and_both_loopback_addresses(secured):
    context = ssl.create_default_context(cafile=secured.card["ca_file"])
    port = int(secured.sales.url.rpartition(":")[2])
    for name in ("localhost", "127.0.0.1", "::1"):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=name) as wire,
        ):
            assert wire.version() in ("TLSv1.2", "TLSv1.3")


def names_in(folder):
    certificate = x509.load_pem_x509_certificate((folder / "tls" / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))


def test_further_names_stand_in_the_certificate_and_links_are_in_the_host_that_was_called(tmp_path):
    root = "https://org.crm.dynamics.com"
    sandbox = Sandbox(
        tmp_path, SANDBOX_TLS="1", SANDBOX_SALES_URL=root,
        SANDBOX_TLS_NAMES="org.crm.dynamics.com, Contoso.operations.dynamics.com",
    )  # fmt: skip
    try:
        assert {"localhost", "org.crm.dynamics.com", "contoso.operations.dynamics.com"} <= names_in(tmp_path)
        port = sandbox.sales.url.rpartition(":")[2]
        token = sandbox.sales.ask_token(scope=f"{root}/.default").json()["access_token"]
        done = subprocess.run(
            ["curl", "-s", "--cacert", sandbox.card["ca_file"],
             "--connect-to", f"org.crm.dynamics.com:443:127.0.0.1:{port}",
             "-H", f"Authorization: Bearer {token}", root + SALES + "organizations?$select=name"],
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert json.loads(done.stdout)["@odata.context"].startswith(f"{root}{SALES}$metadata")
    finally:
        sandbox.kill()


def test_the_certificate_is_made_anew_when_its_names_differ_and_only_then(tmp_path):
    def certificate(*names):
        sandbox = Sandbox(tmp_path, SANDBOX_TLS="1", SANDBOX_TLS_NAMES=",".join(names))
        sandbox.kill()
        return (tmp_path / "tls" / "server.pem").read_bytes()

    first = certificate("a.example", "b.example")
    assert certificate("b.example", "a.example") == first
    without = certificate("a.example")
    assert without != first
    assert "b.example" not in names_in(tmp_path)
    assert certificate() != without
    assert names_in(tmp_path) == {"localhost", "host.docker.internal", "sandbox"}


def test_strict_checks_of_the_chain_are_passed(secured):
    context = ssl.create_default_context(cafile=secured.card["ca_file"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    port = int(secured.sales.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wire,
    ):
        assert wire.getpeercert()["subject"]


def test_links_and_audiences_are_in_https(secured):
    sales = secured.sales
    made = sales.post("accounts", {"name": "A"})
    assert made.headers["OData-EntityId"].startswith(sales.url + SALES)
    host = sales.url.replace("127.0.0.1", "localhost")
    answer = sales.get(f"{host}{SALES}accounts?$select=name")
    assert answer.json()["@odata.context"].startswith(host)


def test_the_authority_outlives_a_restart_and_keys_are_private(tmp_path):
    sandbox = Sandbox(tmp_path, SANDBOX_TLS="1")
    try:
        before = (tmp_path / "tls" / "ca.pem").read_bytes()
        assert (tmp_path / "tls" / "server.key").stat().st_mode & 0o077 == 0
        sandbox.kill()
        sandbox.start()
        assert (tmp_path / "tls" / "ca.pem").read_bytes() == before
        assert "PRIVATE KEY" not in json.dumps(sandbox.card)
    finally:
        sandbox.kill()


def test_a_certificate_of_ones_own_is_taken(secured, tmp_path):
    folder = secured.home / "tls"
    own = Sandbox(
        tmp_path, SANDBOX_TLS_CERT=str(folder / "server.pem"), SANDBOX_TLS_KEY=str(folder / "server.key")
    )
    try:
        assert own.card["ca_file"] == str(folder / "server.pem")
        answer = requests.get(own.sales.url, timeout=10, verify=secured.card["ca_file"])
        assert answer.status_code == 404
        assert not (tmp_path / "tls").exists()
    finally:
        own.kill()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SANDBOX_TLS_CERT": "x.pem"}, "belong together"),
        ({"SANDBOX_TLS_CERT": "x.pem", "SANDBOX_TLS_KEY": "x.key"}, "no file x.pem"),
        ({"SANDBOX_CLIENT_CERTIFICATE": "x.pem"}, "no file x.pem"),
        ({"SANDBOX_CLIENTS": "reader"}, "ID=SECRET"),
        ({"SANDBOX_SALES_URL": "sales.example"}, "SANDBOX_SALES_URL"),
        (
            {"SANDBOX_TLS": "1", "SANDBOX_TLS_NAMES": "https://org.example"},
            "'https://org.example' is no host",
        ),
        ({"SANDBOX_TLS": "1", "SANDBOX_TLS_NAMES": "a.example,-b"}, "'-b' is no host"),
        ({"SANDBOX_TLS": "1", "SANDBOX_TLS_NAMES": "10.0.0.1"}, "'10.0.0.1' is no host"),
        ({"SANDBOX_TLS_NAMES": "a.example"}, "SANDBOX_TLS_NAMES needs SANDBOX_TLS=1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path, variables, words):
    with pytest.raises(SandboxError, match=words):
        Sandbox(tmp_path, **variables)


def test_the_announced_command_gets_a_token_over_https(tmp_path):
    sandbox = Sandbox(tmp_path, SANDBOX_TLS="1")
    try:
        sandbox.stop()
        printed = sandbox.log.read_text()
        assert f"Certificate authority  {tmp_path}/tls/ca.pem" in printed
        assert f"curl -s --cacert {tmp_path}/tls/ca.pem https://127.0.0.1:" in printed
        assert "_sandbox/faults" in printed or ".../faults" in printed
    finally:
        sandbox.kill()


def test_faults_break_secured_connections_too(secured):
    for kind in ("reset", "lost", {"kind": "cut"}, {"kind": "cut", "reset": True}):
        secured.sales.set_faults({"effect": kind})
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            secured.sales.get("organizations")
    secured.sales.admin("DELETE", "faults")
    assert secured.sales.get("organizations").status_code == 200


def test_curl_speaks_http_1_1_over_tls(secured):
    done = subprocess.run(
        ["curl", "-s", "--cacert", secured.card["ca_file"], "-o", "/dev/null", "-w", "%{http_code}",
         secured.sales.url + SALES],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.stdout == "401"
