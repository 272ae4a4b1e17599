import time

import requests

from tests.sandbox.running import Sandbox


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
