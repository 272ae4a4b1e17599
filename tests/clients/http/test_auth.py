import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.auth import Credentials, TokenSource
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


def test_a_busy_or_broken_token_service_is_not_a_configuration_error(server, credentials):
    server.answer(TOKEN, (503, "<html>", {}), (429, "{}", {"Retry-After": "7"}), (200, "<html>", {}))
    source = TokenSource(credentials, ORIGIN)
    with pytest.raises(Unavailable, match="503"):
        source.token()
    with pytest.raises(Throttled) as asked:
        source.token()
    assert asked.value.retry_after == 7
    with pytest.raises(Unavailable, match="other than JSON"):
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
    shown = f"{credentials!r} {source!r} {vars(refused.value)} {refused.value} {caplog.text}"
    assert "s3cret" not in shown
    assert "token-1" not in shown


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
def test_unusable_credentials_are_reported_before_anything_is_sent(server, credentials, wrong, sentence):
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


@pytest.mark.parametrize(
    "more",
    [{"error_codes": [50196]}, {"error_codes": [50196], "error_description": "Zu viele Anforderungen."}],
)
def test_a_throttled_sign_in_is_known_by_its_number_alone(server, credentials, more):
    server.answer(TOKEN, (400, {"error": "invalid_request", **more}, {}))
    with pytest.raises(Throttled):
        TokenSource(credentials, ORIGIN).token()


@pytest.mark.parametrize("listed", ["50196", [], ["x"], {}, [None]])
def test_an_unreadable_list_of_numbers_is_no_reason(server, credentials, listed):
    server.answer(TOKEN, (400, {"error": "invalid_request", "error_codes": listed}, {}))
    with pytest.raises(Misconfigured, match="No token"):
        TokenSource(credentials, ORIGIN).token()


@pytest.mark.parametrize("code", [50196, 90055])
def test_a_throttled_sign_in_is_temporary(server, credentials, code):
    server.answer(TOKEN, entra_refuses(code, "a loop of requests"))
    with pytest.raises(Throttled, match=f"AADSTS{code}") as asked:
        TokenSource(credentials, ORIGIN).token()
    assert asked.value.retry_after == 300


def test_a_token_service_that_is_busy_for_a_moment_does_not_fail_a_read(server, sales):
    token = server.answers[TOKEN][0]
    server.answer(TOKEN, (503, "<html>", {}), server.dropped, token)
    server.answer("/api/data/v9.2/accounts", (200, {"value": [{"n": 1}]}, {}))
    assert [page.rows for page in sales.pages("accounts", ["n"])] == [[b'{"n":1}']]


def machine(server, monkeypatch, answer):
    """The App Service form of a managed identity."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", server.url + "/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    server.answer(
        "/msi", (200, {"access_token": "m", "resource": ORIGIN, "token_type": "Bearer", **answer}, {})
    )
    return TokenSource(Credentials(auth="managed_identity"), ORIGIN)


@pytest.mark.parametrize(
    "form",
    ["%m/%d/%Y %I:%M:%S %p +00:00", "%m/%d/%Y %H:%M:%S +00:00", "%Y-%m-%dT%H:%M:%SZ", "%m/%d/%Y %H:%M:%S"],
)
def test_the_expiry_of_a_managed_identity_may_be_a_date(server, monkeypatch, form):
    expires = datetime.now(UTC) + timedelta(seconds=1000)
    source = machine(server, monkeypatch, {"expires_on": expires.strftime(form)})
    assert source.token() == "m"
    assert 690 < source._renew_at - boottime() <= 701


def test_an_expiry_that_cannot_be_read_makes_a_short_lived_token(server, monkeypatch):
    source = machine(server, monkeypatch, {"expires_on": "09/14/2017 00:00:00 PM of June"})
    assert source.token() == "m"
    assert 290 < source._renew_at - boottime() <= 300


def test_a_virtual_machine_gives_a_token_by_its_metadata_service(server, monkeypatch):
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
    path = "/metadata/identity/oauth2/token"
    server.answer(
        path, (200, {"access_token": "v", "expires_in": "3600", "expires_on": "01/31/2030 09:00:00"}, {})
    )
    assert TokenSource(Credentials(auth="managed_identity"), ORIGIN).token() == "v"
    assert server.seen[0].headers["Metadata"] == "true"


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
