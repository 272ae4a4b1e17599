import logging
import threading
import time

import pytest

from prospect_to_cash.clients.auth import Credentials, TokenSource
from prospect_to_cash.errors import Misconfigured, Throttled, Unavailable

TENANT = "00000000-0000-0000-0000-00000000000a"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
ORIGIN = "https://org.crm4.dynamics.com"


def entra_refuses(code, text="refused"):
    description = f"AADSTS{code}: {text}. Trace ID: 1"
    return 401, {"error": "invalid_client", "error_description": description, "error_codes": [code]}, {}


def test_the_token_is_for_the_environment_and_is_kept(server, credentials):
    source = TokenSource(credentials, ORIGIN)
    assert [source.token(), source.token()] == ["token-1", "token-1"]
    assert server.tokens == 1
    form = server.seen[0].body.decode()
    assert "grant_type=client_credentials" in form
    assert "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default" in form
    assert server.seen[0].path == TOKEN


def test_a_token_is_renewed_before_it_expires(server, credentials):
    short = {"token_type": "Bearer", "expires_in": 1, "access_token": "short"}
    server.answer(TOKEN, (200, short, {}), server.token)
    source = TokenSource(credentials, ORIGIN)
    assert source.token() == "short"
    time.sleep(0.6)
    assert source.token() == "token-1"


def test_eight_threads_that_were_refused_fetch_one_token(server, credentials):
    source = TokenSource(credentials, ORIGIN)
    old = source.token()
    got = []
    threads = [threading.Thread(target=lambda: got.append(source.renew(old))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["token-2"] * 8
    assert server.tokens == 2


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (7000215, "secret is wrong"),
        (700016, "client id"),
        (7000222, "expired"),
        (90002, "tenant id"),
        (1, "refused"),
    ],
)
def test_a_refusal_names_its_remedy(server, credentials, code, remedy):
    server.answer(TOKEN, entra_refuses(code))
    with pytest.raises(Misconfigured, match=remedy):
        TokenSource(credentials, ORIGIN).token()


def test_a_busy_or_broken_token_service_is_no_mistake_of_the_user(server, credentials):
    server.answer(TOKEN, (503, "<html>", {}), (429, "{}", {"Retry-After": "7"}), (200, "<html>", {}))
    source = TokenSource(credentials, ORIGIN)
    with pytest.raises(Unavailable, match="503"):
        source.token()
    with pytest.raises(Throttled) as asked:
        source.token()
    assert asked.value.retry_after == 7
    with pytest.raises(Unavailable, match="no JSON"):
        source.token()


def test_the_secret_is_not_sent_on_by_a_redirect(server, other_server, credentials):
    server.answer(TOKEN, (307, "", {"Location": other_server.url + TOKEN}))
    with pytest.raises(Misconfigured, match="elsewhere"):
        TokenSource(credentials, ORIGIN).token()
    assert other_server.seen == []


def test_secrets_are_neither_shown_nor_logged(server, credentials, caplog):
    caplog.set_level(logging.DEBUG)
    source = TokenSource(credentials, ORIGIN)
    source.token()
    server.answer(TOKEN, entra_refuses(7000215))
    with pytest.raises(Misconfigured) as refused:
        source.renew("token-1")
    told = f"{credentials!r} {source!r} {vars(refused.value)} {refused.value} {caplog.text}"
    assert "s3cret" not in told
    assert "token-1" not in told


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"authority": "http://login.example.com"}, "only https"),
        ({"authority": "https://login.example.com/tenant"}, "root URL alone"),
        ({"tenant_id": ""}, "tenant id"),
        ({"secret": ""}, "no client secret"),
        ({"auth": "certificate", "certificate_path": "/no/such.pem"}, "cannot be read"),
        ({"auth": "certificate", "certificate_path": __file__}, "cannot be used"),
        ({"auth": "password"}, "must be secret"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(server, credentials, wrong, sentence):
    parts = {**vars(credentials), **wrong}
    with pytest.raises(Misconfigured, match=sentence):
        TokenSource(Credentials(**parts), ORIGIN).token()
    assert server.seen == []


def test_a_certificate_signs_an_assertion(server, credentials, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(certificate())
    parts = {**vars(credentials), "secret": "", "auth": "certificate", "certificate_path": str(path)}
    assert TokenSource(Credentials(**parts), ORIGIN).token() == "token-1"
    form = server.seen[0].body.decode()
    assert "client_assertion=ey" in form
    assert "client_secret" not in form


def certificate():
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + signed


def test_a_managed_identity_asks_the_machine(server, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", server.url + "/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    expires = str(int(time.time()) + 3600)
    server.answer(
        "/msi",
        (200, {"access_token": "m", "expires_on": expires, "resource": ORIGIN, "token_type": "Bearer"}, {}),
    )
    source = TokenSource(Credentials(client_id="mine", auth="managed_identity"), ORIGIN)
    assert source.token() == "m"
    assert server.seen[0].query["resource"] == ORIGIN
    assert server.seen[0].query["client_id"] == "mine"
