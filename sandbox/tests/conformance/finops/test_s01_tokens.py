"""F&O fact sheet, section 1: tokens and who may use them."""

import jwt
import pytest
import requests

from support.asserting import Signer
from support.running import Sandbox


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory, signer):
    sandbox = Sandbox(
        tmp_path_factory.mktemp("environment"),
        SANDBOX_CLIENTS="unmapped=secret-u",
        SANDBOX_CLIENTS_WITHOUT_USER="unmapped",
        SANDBOX_CLIENT_CERTIFICATE=str(signer.path),
    )
    yield sandbox
    sandbox.kill()


def read(client, token):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return requests.get(f"{client.url}/data/LegalEntities", headers=headers, timeout=10)


def by_resource(client, resource):
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret",
        "resource": resource,
    }  # fmt: skip
    return requests.post(f"{client.url}/{client.tenant}/oauth2/token", data=form, timeout=10)


def test_s01_the_v2_endpoint_takes_a_scope(environment):
    token = environment.finops.ask_token().json()["access_token"]
    assert read(environment.finops, token).status_code == 200


def test_s01_the_v1_endpoint_takes_a_resource(environment):
    token = by_resource(environment.finops, environment.finops.url).json()["access_token"]
    assert read(environment.finops, token).status_code == 200


def test_s01_a_certificate_stands_for_the_secret(environment, signer):
    token = signer.ask(environment.finops).json()["access_token"]
    assert read(environment.finops, token).status_code == 200


def test_s01_the_audience_is_the_root_url_exactly(environment):
    token = environment.finops.ask_token().json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == environment.finops.url


@pytest.mark.parametrize("version", [1, 2])
def test_s01_a_slash_at_the_end_of_the_resource_is_401(environment, version):
    finops = environment.finops
    answer = (
        by_resource(finops, finops.url + "/")
        if version == 1
        else finops.ask_token(scope=f"{finops.url}//.default")
    )
    assert answer.status_code == 200
    assert read(finops, answer.json()["access_token"]).status_code == 401


def test_s01_a_resource_that_is_no_root_url_is_refused(environment):
    answer = by_resource(environment.finops, environment.finops.url + "/data")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_resource")


def test_s01_an_unmapped_client_is_401(environment):
    answer = environment.finops.ask_token(client_id="unmapped", client_secret="secret-u")
    assert answer.status_code == 200
    assert read(environment.finops, answer.json()["access_token"]).status_code == 401


def test_s01_a_token_lives_about_an_hour_without_refresh_token(environment):
    body = environment.finops.ask_token().json()
    assert body["expires_in"] == 3599
    assert "refresh_token" not in body


def test_s01_a_token_of_dataverse_is_none_of_finops(environment):
    token = environment.sales.ask_token().json()["access_token"]
    assert read(environment.sales, token).status_code != 401
    assert read(environment.finops, token).status_code == 401


@pytest.mark.parametrize("token", [None, "", "stale"])
def test_s01_without_a_good_token_the_answer_is_401_without_body(environment, token):
    answer = read(environment.finops, token)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
