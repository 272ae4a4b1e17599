"""Dataverse fact sheet, section 1: tokens and who may use them."""

import jwt
import pytest
import requests

from support.asserting import KIND, Signer, sha256_header
from support.running import SALES, Sandbox


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def tenant(tmp_path_factory, signer):
    """A sandbox in whose tenant two clients are registered, one of them unknown to the organisation."""
    sandbox = Sandbox(
        tmp_path_factory.mktemp("tenant"),
        SANDBOX_CLIENTS="stranger=secret-s",
        SANDBOX_CLIENTS_WITHOUT_USER="stranger",
        SANDBOX_CLIENT_CERTIFICATE=str(signer.path),
    )
    yield sandbox
    sandbox.kill()


def token_url(client, version="v2.0/"):
    return f"{client.url}/{client.tenant}/oauth2/{version}token"


def whoami(client, token):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return requests.get(f"{client.url}{SALES}WhoAmI", headers=headers, timeout=10)


def test_s01_the_token_endpoint_takes_a_form(tenant):
    assert tenant.sales.ask_token().status_code == 200
    as_json = requests.post(token_url(tenant.sales), json={"grant_type": "client_credentials"}, timeout=10)
    assert as_json.status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_s01_a_token_is_asked_for_with_post(tenant, method):
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret",
            "scope": f"{tenant.sales.url}/.default"}  # fmt: skip
    answer = requests.request(method, token_url(tenant.sales), data=form, timeout=10)
    assert answer.status_code in (404, 405)
    assert "access_token" not in answer.text


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope"])
def test_s01_every_parameter_of_the_secret_flow_is_needed(tenant, name):
    answer = tenant.sales.ask_token(**{name: ""})
    assert answer.status_code in (400, 401)
    assert "access_token" not in answer.json()


def test_s01_a_scope_names_one_environment(tenant):
    two = f"{tenant.sales.url}/.default {tenant.finops.url}/.default"
    assert tenant.sales.ask_token(scope=two).json()["error"] == "invalid_scope"


def test_s01_a_token_for_one_environment_is_rejected_by_another_with_401(tenant):
    token = tenant.sales.ask_token(scope=f"{tenant.finops.url}/.default").json()["access_token"]
    assert whoami(tenant.sales, token).status_code == 401


def test_s01_a_certificate_stands_for_the_secret(tenant, signer):
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_assertion_type": KIND,
        "client_assertion": signer.assertion(token_url(tenant.sales)),
        "scope": f"{tenant.sales.url}/.default",
    }  # fmt: skip
    answer = requests.post(token_url(tenant.sales), data=form, timeout=10)
    assert whoami(tenant.sales, answer.json()["access_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["", "jwt-bearer", KIND.upper()])
def test_s01_an_assertion_is_of_the_documented_type(tenant, signer, kind):
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_assertion_type": kind,
        "client_assertion": signer.assertion(token_url(tenant.sales)),
        "scope": f"{tenant.sales.url}/.default",
    }  # fmt: skip
    answer = requests.post(token_url(tenant.sales), data=form, timeout=10)
    assert (answer.status_code, "access_token" in answer.json()) == (400, False)


def test_s01_the_assertion_is_signed_with_the_key_of_the_registered_certificate(tenant, signer, tmp_path):
    other = Signer(tmp_path)
    same_print = {"x5t": jwt.get_unverified_header(signer.assertion("x"))["x5t"]}
    forged = other.assertion(token_url(tenant.sales), header=same_print)
    assert signer.ask(tenant.sales, forged).json()["error_codes"] == [700027]


@pytest.mark.parametrize(
    ("header", "granted"),
    [("x5t", True), ("x5t#S256", True), ("none", False), ("wrong", False)],
)
def test_s01_the_assertion_names_its_certificate_by_thumbprint(tenant, signer, header, granted):
    headers = {"x5t": None, "x5t#S256": sha256_header(signer), "none": {}, "wrong": {"x5t": "AAAA"}}[header]
    answer = signer.ask(tenant.sales, signer.assertion(token_url(tenant.sales), header=headers))
    assert (answer.status_code == 200) == granted


def test_s01_the_audience_of_the_assertion_is_the_token_url(tenant, signer):
    wrong = signer.ask(tenant.sales, audience=tenant.sales.url)
    assert wrong.json()["error_codes"] == [700023]


@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_s01_issuer_and_subject_of_the_assertion_are_the_client(tenant, signer, claim):
    assertion = signer.assertion(token_url(tenant.sales), **{claim: "other"})
    assert signer.ask(tenant.sales, assertion).json()["error_codes"] == [700021]


@pytest.mark.parametrize("ends", [1000, 99_999_999_999])
def test_s01_the_assertion_lives_shortly(tenant, signer, ends):
    assertion = signer.assertion(token_url(tenant.sales), exp=ends)
    assert signer.ask(tenant.sales, assertion).json()["error_codes"] == [700024]


def test_s01_the_assertion_has_a_unique_jti(tenant, signer):
    assertion = signer.assertion(token_url(tenant.sales))
    assert signer.ask(tenant.sales, assertion).status_code == 200
    assert signer.ask(tenant.sales, assertion).status_code == 401


def test_s01_a_token_answer_has_four_members_and_no_refresh_token(tenant):
    body = tenant.sales.ask_token().json()
    assert set(body) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == body["ext_expires_in"] == 3599


def test_s01_a_token_lives_as_long_as_the_answer_says(tenant):
    body = tenant.sales.ask_token().json()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == body["expires_in"]


def test_s01_the_client_has_an_application_user(tenant):
    rows = tenant.sales.rows("systemusers?$select=applicationid&$filter=applicationid ne null")
    assert len(rows) == 1


def test_s01_a_client_without_application_user_is_no_member_of_the_organization(tenant):
    answer = tenant.sales.ask_token(client_id="stranger", client_secret="secret-s")
    refused = whoami(tenant.sales, answer.json()["access_token"])
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "0x80072560"
    assert "not a member of the organization" in refused.json()["error"]["message"]
    assert refused.headers["OData-Version"] == "4.0"


def test_s01_the_v1_form_takes_a_resource(tenant):
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret",
        "resource": tenant.sales.url,
    }  # fmt: skip
    answer = requests.post(token_url(tenant.sales, ""), data=form, timeout=10)
    assert whoami(tenant.sales, answer.json()["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"client_secret": "wrong"}, 7000215), ({"client_id": "unknown"}, 700016)],
)
@pytest.mark.parametrize("version", ["v2.0/", ""])
def test_s01_token_errors_name_their_aadsts_code(tenant, changes, code, version):
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret",
        "scope": f"{tenant.sales.url}/.default", "resource": tenant.sales.url, **changes,
    }  # fmt: skip
    answer = requests.post(token_url(tenant.sales, version), data=form, timeout=10)
    assert answer.status_code in (400, 401)
    body = answer.json()
    assert body["error"]
    assert body["error_description"].startswith(f"AADSTS{code}")
    assert body["error_codes"] == [code]


@pytest.mark.parametrize("token", [None, "", "stale", "a.b.c"])
def test_s01_a_missing_or_stale_token_is_401_with_a_challenge(tenant, token):
    answer = whoami(tenant.sales, token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_s01_tokens_are_short_lived_on_request(tenant):
    tenant.sales.admin("POST", "tokens", {"seconds": 0})
    try:
        token = tenant.sales.ask_token().json()["access_token"]
        assert whoami(tenant.sales, token).status_code == 401
    finally:
        tenant.sales.admin("POST", "tokens", {"seconds": 3599})
