import base64
import json
import time
import uuid

import jwt
import pytest
import requests

from support.asserting import Signer, sha256_header
from support.running import SALES, Client, Sandbox


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def several(tmp_path_factory, signer):
    """A sandbox with more clients, one of them without users, and a certificate for the first."""
    sandbox = Sandbox(
        tmp_path_factory.mktemp("several"),
        SANDBOX_CLIENTS="reader=secret-r,stranger=secret-s,5f2c0000-0000-4000-8000-00000000000a=secret-g",
        SANDBOX_CLIENTS_WITHOUT_USER="stranger",
        SANDBOX_CLIENT_CERTIFICATE=str(signer.path),
        SANDBOX_SALES_URL="https://sales.example",
        SANDBOX_FINOPS_URL="https://finops.example:444",
    )
    yield sandbox
    sandbox.kill()


def test_a_secret_buys_a_bearer_token_for_one_audience(running):
    answer = running.sales.ask_token()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
    assert set(body) == {"token_type", "expires_in", "ext_expires_in", "access_token"}


def test_a_request_without_token_is_401_and_says_where_to_get_one(running):
    for client in (running.sales, running.finops):
        answer = requests.get(client.url + client.root, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith(
            f"Bearer authorization_uri={client.url}/{client.tenant}/"
        )


def test_a_token_of_one_system_is_401_at_the_other(running):
    for own, other in ((running.sales, running.finops), (running.finops, running.sales)):
        answer = requests.get(
            other.url + other.root, headers={"Authorization": f"Bearer {own.token()}"}, timeout=10
        )
        assert answer.status_code == 401


def test_either_token_endpoint_grants_for_either_audience(running):
    token = running.sales.ask_token(scope=f"{running.finops.url}/.default").json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(running.finops.url + "/data/", headers=headers, timeout=10).status_code == 200


def test_an_audience_with_a_trailing_slash_is_another_audience(running):
    token = running.finops.ask_token(scope=f"{running.finops.url}//.default").json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(running.finops.url + "/data/", headers=headers, timeout=10).status_code == 401


def test_wrong_credentials_are_refused_with_the_codes_of_entra(running):
    cases = [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_secret": ""}, 401, 7000218),
        ({"client_id": "nobody"}, 400, 700016),
        ({"grant_type": "password"}, 400, 70003),
        ({"grant_type": ""}, 400, 900144),
        ({"scope": "https://elsewhere.example/.default"}, 400, 500011),
        ({"scope": running.sales.url}, 400, 1002012),
    ]
    for change, status, code in cases:
        answer = running.sales.ask_token(**change)
        assert (answer.status_code, answer.json()["error_codes"]) == (status, [code]), change
        assert answer.json()["error_description"].startswith(f"AADSTS{code}: ")


def test_an_unknown_tenant_is_refused(running):
    answer = requests.post(
        f"{running.sales.url}/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token", timeout=10
    )
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_discovery_names_the_token_endpoint(running):
    base = f"{running.finops.url}/{running.finops.tenant}"
    answer = requests.get(f"{base}/v2.0/.well-known/openid-configuration", timeout=10)
    assert answer.status_code == 200
    assert answer.json()["token_endpoint"] == f"{base}/oauth2/v2.0/token"


def test_a_token_expires_after_the_set_seconds(tmp_path):
    sandbox = Sandbox(tmp_path, SANDBOX_TOKEN_SECONDS="1")
    try:
        assert sandbox.sales.ask_token().json()["expires_in"] == 1
        deadline_passed = False
        for _ in range(40):
            if sandbox.sales.get("WhoAmI").status_code == 401:
                deadline_passed = True
                break
            time.sleep(0.1)
        assert deadline_passed
    finally:
        sandbox.kill()


def claims(answer):
    return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})


def ask(url, token, path=SALES, **headers):
    return requests.get(url + path, headers={"Authorization": f"Bearer {token}", **headers}, timeout=10)


def test_a_token_reads_as_a_jwt_with_the_claims_of_an_application(running):
    answer = running.sales.ask_token()
    found = claims(answer)
    assert found["aud"] == running.sales.url
    assert (found["appid"], found["tid"], found["idtyp"]) == ("sandbox", running.sales.tenant, "app")
    assert found["exp"] - found["iat"] == 3599
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_token_that_nobody_issued_is_refused_however_it_looks(running):
    token = running.sales.token()
    head, body, _ = token.split(".")
    padded = body + "=" * (-len(body) % 4)
    other = json.loads(base64.urlsafe_b64decode(padded)) | {"appid": "other"}
    forged = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
    assert ask(running.sales.url, token).status_code == 200
    for text in (f"{head}.{forged}.x", token[:-1], token + "x", "", "x"):
        assert ask(running.sales.url, text).status_code == 401


def test_a_stale_token_is_challenged_with_invalid_token(running):
    answer = ask(running.sales.url, "stale")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert "error=" not in requests.get(running.sales.url + SALES, timeout=10).headers["WWW-Authenticate"]


def test_the_v1_form_takes_a_resource_and_writes_numbers_as_text(running):
    sales = running.sales
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
    url = f"{sales.url}/{sales.tenant}/oauth2/token"
    answer = requests.post(url, data={**form, "resource": sales.url}, timeout=10)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["expires_in"], body["resource"]) == ("3599", sales.url)
    assert int(body["expires_on"]) - int(body["not_before"]) == 3599
    assert ask(sales.url, body["access_token"]).status_code == 200
    refused = requests.post(url, data={**form, "scope": f"{sales.url}/.default"}, timeout=10)
    assert (refused.status_code, refused.json()["error_codes"]) == (400, [900144])


def test_a_slash_at_the_end_of_the_resource_is_taken_by_sales_alone(running):
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
    for client, path, status in ((running.sales, SALES, 200), (running.finops, "/data/", 401)):
        url = f"{client.url}/{client.tenant}/oauth2/token"
        body = requests.post(url, data={**form, "resource": client.url + "/"}, timeout=10).json()
        assert body["resource"] == client.url + "/"
        assert ask(client.url, body["access_token"], path).status_code == status
        scoped = client.ask_token(scope=f"{client.url}//.default").json()["access_token"]
        assert ask(client.url, scoped, path).status_code == status


def test_lenient_slashes_are_a_setting(tmp_path):
    sandbox = Sandbox(tmp_path, SANDBOX_LENIENT_SLASHES="1")
    try:
        finops = sandbox.finops
        token = finops.ask_token(scope=f"{finops.url}//.default").json()["access_token"]
        assert ask(finops.url, token, "/data/").status_code == 200
    finally:
        sandbox.kill()


@pytest.mark.parametrize("form", ["{local}", "{url}", "{secured}", "{capitals}"])
def test_a_token_may_be_for_any_name_of_the_same_place(running, form):
    url = running.sales.url
    names = {
        "url": url, "local": url.replace("127.0.0.1", "localhost"),
        "secured": url.replace("http:", "https:"), "capitals": url.replace("127.0.0.1", "LOCALHOST"),
    }  # fmt: skip
    token = running.sales.ask_token(scope=f"{form.format(**names)}/.default").json()["access_token"]
    for base in (url, names["local"]):
        assert ask(base, token).status_code == 200
        assert ask(base, token, **{"X-Forwarded-Proto": "https"}).status_code == 200
    assert ask(running.finops.url, token, "/data/").status_code == 401


def test_a_name_under_which_the_system_was_called_is_an_audience(running):
    sales, finops = running.sales, running.finops
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "front.example"}
    scope = "https://front.example/.default"
    assert sales.ask_token(scope=scope).json()["error_codes"] == [500011]
    assert requests.get(sales.url + SALES, headers=proxied, timeout=10).status_code == 401
    token = sales.ask_token(scope=scope).json()["access_token"]
    assert ask(sales.url, token, **proxied).status_code == 200
    assert ask(finops.url, token, "/data/", **proxied).status_code == 401


def test_another_host_name_with_the_own_ports_names_both_systems(running):
    port, finops_port = (c.url.rpartition(":")[2] for c in (running.sales, running.finops))
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret",
        "scope": f"http://box:{finops_port}/.default",
    }  # fmt: skip
    url = f"{running.sales.url}/{running.sales.tenant}/oauth2/v2.0/token"
    answer = requests.post(url, data=form, headers={"Host": f"box:{port}"}, timeout=10)
    token = answer.json()["access_token"]
    assert ask(running.finops.url, token, "/data/", Host=f"box:{finops_port}").status_code == 200
    assert ask(running.sales.url, token, Host=f"box:{finops_port}").status_code == 401


def test_declared_urls_are_audiences(several):
    token = several.sales.ask_token(scope="https://sales.example/.default").json()["access_token"]
    assert ask(several.sales.url, token).status_code == 200
    assert ask(several.finops.url, token, "/data/").status_code == 401
    token = several.sales.ask_token(scope="https://finops.example:444/.default").json()["access_token"]
    assert ask(several.finops.url, token, "/data/").status_code == 200


def test_client_id_and_secret_may_come_in_a_basic_header(running):
    sales = running.sales
    url = f"{sales.url}/{sales.tenant}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "scope": f"{sales.url}/.default"}
    answer = requests.post(url, data=form, auth=("sandbox", "sandbox-secret"), timeout=10)
    assert answer.status_code == 200
    assert requests.post(url, data=form, auth=("sandbox", "wrong"), timeout=10).status_code == 401


def test_the_tenant_may_be_named_by_its_domain_and_must_be_named(running):
    for tenant, code in (("sandbox.example", None), ("common", 50059), ("organizations", 50059)):
        client = Client.__new__(Client)
        client.url, client.tenant, client.trust = running.sales.url, tenant, True
        answer = client.ask_token()
        assert answer.json().get("error_codes") == ([code] if code else None)


def test_several_clients_have_tokens_and_users_of_their_own(several):
    sales = several.sales
    for name, secret in (("reader", "secret-r"), ("5f2c0000-0000-4000-8000-00000000000a", "secret-g")):
        answer = sales.ask_token(client_id=name, client_secret=secret)
        assert claims(answer)["appid"] == name
        assert ask(sales.url, answer.json()["access_token"]).status_code == 200
        user = ask(sales.url, answer.json()["access_token"], SALES + "WhoAmI").json()["UserId"]
        row = sales.get(f"systemusers({user})?$select=lastname").json()
        assert row["lastname"] == name
    assert sales.ask_token(client_id="reader", client_secret="secret-g").status_code == 401
    users = sales.rows("systemusers?$select=applicationid,lastname")
    assert {row["lastname"] for row in users} == {
        "sandbox", "reader", "5f2c0000-0000-4000-8000-00000000000a"
    }  # fmt: skip
    assert "5f2c0000-0000-4000-8000-00000000000a" in {row["applicationid"] for row in users}


def test_a_client_without_a_user_gets_a_token_that_opens_nothing(several):
    for client, path, status in ((several.sales, SALES, 403), (several.finops, "/data/", 401)):
        token = client.ask_token(client_id="stranger", client_secret="secret-s").json()["access_token"]
        answer = ask(client.url, token, path)
        assert answer.status_code == status
    answer = several.sales.ask_token(client_id="stranger", client_secret="secret-s")
    refused = ask(several.sales.url, answer.json()["access_token"])
    assert refused.json()["error"]["code"] == "0x80072560"


# ------------------------------------------------------------------------------------------ certificates


def test_an_assertion_signed_by_the_registered_certificate_stands_for_the_secret(several, signer):
    answer = signer.ask(several.sales)
    assert answer.status_code == 200
    assert claims(answer)["appidacr"] == "2"
    assert ask(several.sales.url, answer.json()["access_token"]).status_code == 200
    base = f"{several.finops.url}/{several.finops.tenant}/oauth2/v2.0/token"
    assert signer.ask(several.sales, signer.assertion(base)).status_code == 200
    assert signer.ask(several.sales, signer.assertion(base, header=sha256_header(signer))).status_code == 200
    assert signer.ask(several.sales, signer.assertion(base, algorithm="PS256")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "other"}, 700021),
        ({"sub": "reader"}, 700021),
        ({"exp": 1000}, 700024),
        ({"exp": 99999999999}, 700024),
        ({"nbf": 99999999999}, 700024),
        ({"exp": None}, 50027),
        ({"jti": None}, 50013),
        ({"aud": "https://elsewhere.example/oauth2/v2.0/token"}, 700023),
        ({"header": {}}, 700027),
        ({"header": {"x5t": "AAAA"}}, 700027),
    ],
)
def test_a_wrong_assertion_is_refused_with_its_code(several, signer, changes, code):
    base = f"{several.sales.url}/{several.sales.tenant}/oauth2/v2.0/token"
    audience = changes.pop("aud", base)
    answer = signer.ask(several.sales, signer.assertion(audience, **changes))
    assert answer.status_code in (400, 401)
    assert answer.json()["error_codes"] == [code]
    assert answer.json()["error_description"].startswith(f"AADSTS{code}: ")


def test_an_assertion_is_taken_once_and_from_its_own_client_alone(several, signer, tmp_path):
    base = f"{several.sales.url}/{several.sales.tenant}/oauth2/v2.0/token"
    once = signer.assertion(base)
    assert signer.ask(several.sales, once).status_code == 200
    assert signer.ask(several.sales, once).json()["error_codes"] == [50013]
    other = Signer(tmp_path)
    assert signer.ask(several.sales, other.assertion(base)).json()["error_codes"] == [700027]
    borrowed = other.assertion(base, header={"x5t": jwt.get_unverified_header(once)["x5t"]})
    assert signer.ask(several.sales, borrowed).json()["error_codes"] == [700027]
    as_reader = signer.assertion(base, iss="reader", sub="reader")
    assert signer.ask(several.sales, as_reader, client_id="reader").json()["error_codes"] == [700027]
    assert signer.ask(several.sales, "no.jwt.atall").json()["error_codes"] == [50027]


# --------------------------------------------------------------------------------- discovery, managed identity


@pytest.mark.parametrize("tenant", ["own", "common", "organizations"])
@pytest.mark.parametrize(("path", "token_path"), [("v2.0/", "oauth2/v2.0/token"), ("", "oauth2/token")])
def test_discovery_is_served_for_both_versions(running, tenant, path, token_path):
    sales = running.sales
    tenant = sales.tenant if tenant == "own" else tenant
    answer = requests.get(f"{sales.url}/{tenant}/{path}.well-known/openid-configuration", timeout=10)
    assert answer.json()["token_endpoint"] == f"{sales.url}/{tenant}/{token_path}"
    assert answer.json()["jwks_uri"].startswith(f"{sales.url}/{tenant}/discovery/")
    assert requests.get(answer.json()["jwks_uri"], timeout=10).json() == {"keys": []}


def test_discovery_of_an_unknown_tenant_is_refused(running):
    url = f"{running.sales.url}/{uuid.uuid4()}/v2.0/.well-known/openid-configuration"
    assert requests.get(url, timeout=10).json()["error_codes"] == [90002]


def test_instance_discovery_names_the_asked_host(running):
    url = f"{running.sales.url}/common/discovery/instance?api-version=1.1"
    answer = requests.get(url, timeout=10).json()
    assert answer["metadata"][0]["aliases"] == [running.sales.url.partition("//")[2]]


def test_a_managed_identity_gets_tokens_in_both_forms(running):
    sales = running.sales
    query = {"api-version": "2018-02-01", "resource": sales.url}
    url = f"{sales.url}/metadata/identity/oauth2/token"
    assert requests.get(url, params=query, timeout=10).status_code == 400
    answer = requests.get(url, params=query, headers={"Metadata": "true"}, timeout=10)
    assert ask(sales.url, answer.json()["access_token"]).status_code == 200
    assert int(answer.json()["expires_on"]) > time.time()
    url = f"{running.finops.url}/msi/token"
    assert requests.get(url, params=query, headers={"X-IDENTITY-HEADER": "x"}, timeout=10).status_code == 401
    headers = {"X-IDENTITY-HEADER": "sandbox-secret"}
    answer = requests.get(url, params=query, headers=headers, timeout=10)
    assert ask(sales.url, answer.json()["access_token"]).status_code == 200
    refused = requests.get(url, params={"resource": "https://no.example"}, headers=headers, timeout=10)
    assert refused.json()["error_codes"] == [500011]
