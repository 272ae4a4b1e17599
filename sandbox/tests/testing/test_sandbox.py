"""The public way to run a sandbox from a program."""

import pytest

from d365_sandbox import AdminError, Sandbox, SandboxError


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("--accounts", "3", "--products", "2") as sandbox:
        yield sandbox


def test_both_systems_are_served_with_tokens_of_their_own(sandbox):
    assert len(sandbox.sales.rows("accounts?$select=name")) == 3
    companies = sandbox.finops.rows("Companies?$select=DataArea")
    assert {row["DataArea"] for row in companies} == {"USMF", "DEMF"}
    refused = sandbox.finops.send("GET", "Companies", Authorization=f"Bearer {sandbox.sales.token()}")
    assert refused.status == 401
    assert sandbox.sales.send("GET", sandbox.finops.api_url + "Companies").status == 401


def test_rows_are_read_over_all_pages(sandbox):
    admin = sandbox.sales.admin
    admin.plant("contacts", [{"lastname": f"Næst {n}"} for n in range(5001)])
    rows = sandbox.sales.rows("contacts?$select=lastname&$filter=startswith(lastname,'Næst')")
    assert len({row["lastname"] for row in rows}) == 5001
    assert admin.counts()["contacts"] >= 5001


def test_headers_are_named_with_underscores_and_refusals_are_answers(sandbox):
    made = sandbox.sales.create("accounts", {"name": "A"})
    path = f"accounts({made['accountid']})"
    stale = sandbox.sales.send("PATCH", path, {"name": "B"}, If_Match='W/"1"')
    assert (stale.status, stale.ok) == (412, False)
    assert stale.json()["error"]["code"] in stale.text
    assert stale.headers["odata-version"] == "4.0"


def test_a_refused_row_is_an_error_with_the_system_s_own_words(sandbox):
    with pytest.raises(RuntimeError, match=r"POST accounts: 400 .*0x"):
        sandbox.sales.create("accounts", {"no_such_column": 1})
    with pytest.raises(RuntimeError, match="GET nothings: 404"):
        sandbox.sales.rows("nothings")


def test_faults_strike_until_they_are_cleared_and_the_log_has_them(sandbox):
    admin = sandbox.sales.admin
    admin.forget_requests()
    admin.set_faults({"match": {"nth": 1}, "effect": {"kind": "status", "status": 429, "retry_after": 1}})
    answers = [sandbox.sales.send("GET", "accounts") for _ in range(2)]
    assert [answer.status for answer in answers] == [429, 200]
    assert answers[0].headers["Retry-After"] == "1"
    assert [request["status"] for request in admin.requests(path="accounts$")] == [429, 200]
    assert [request["faults"] for request in admin.requests(fault="any")] == [["status"]]
    admin.set_faults({"effect": {"kind": "status", "status": 503}})
    admin.set_faults()
    assert sandbox.sales.send("GET", "accounts").status == 200


def test_late_requests_are_shown_carried_out_and_forgotten(sandbox):
    admin = sandbox.sales.admin
    admin.set_faults({"match": {"method": "POST"}, "effect": "late"})
    for name in ("late", "never"):
        with pytest.raises(ConnectionError):
            sandbox.sales.send("POST", "accounts", {"name": name})
        assert [request["method"] for request in admin.late()] == ["POST"]
        if name == "late":
            assert admin.execute_late() == 1
        else:
            admin.forget_late()
    admin.set_faults()
    assert (admin.late(), admin.execute_late()) == ([], 0)
    names = {row["name"] for row in sandbox.sales.rows("accounts?$select=name")}
    assert {"late", "never"} & names == {"late"}


def test_clock_tokens_and_parameters_are_changed_by_the_admin_client(sandbox):
    now = sandbox.sales.admin.move_clock(86_400)
    assert sandbox.sales.create("accounts", {"name": "Tomorrow"})["createdon"] >= now
    sandbox.sales.admin.move_clock(0)
    token = sandbox.finops.token()
    sandbox.finops.admin.expire_tokens()
    assert sandbox.finops.send("GET", "Companies", Authorization=f"Bearer {token}").status == 401
    assert sandbox.finops.admin.parameters(language="de")["language"] == "de"
    assert sandbox.finops.admin.parameters()["language"] == "de"
    with pytest.raises(AdminError, match="PUT parameters: 400"):
        sandbox.finops.admin.parameters(no_such_parameter=1)


def test_a_temporary_home_goes_when_the_sandbox_stops():
    with Sandbox() as sandbox:
        home = sandbox.home
        assert sandbox.sales.rows("accounts") == []
        assert home.stat().st_mode & 0o077 == 0
    assert not home.exists()


def test_a_home_of_ones_own_is_kept_over_a_restart_and_a_kill(tmp_path):
    sandbox = Sandbox(home=tmp_path / "home")
    with sandbox:
        sandbox.sales.create("accounts", {"name": "Kept"})
        sandbox.restart()
        assert [row["name"] for row in sandbox.sales.rows("accounts")] == ["Kept"]
        sandbox.sales.create("accounts", {"name": "Too"})
        sandbox.kill()
        sandbox.start()
        assert sorted(row["name"] for row in sandbox.sales.rows("accounts")) == ["Kept", "Too"]
    assert (tmp_path / "home" / "sales").is_dir()


def test_https_is_trusted_by_the_sandbox_s_own_authority():
    with Sandbox(environment={"SANDBOX_TLS": "1", "SANDBOX_CLIENT_SECRET": "other"}) as sandbox:
        assert sandbox.sales.url.startswith("https://")
        assert sandbox.client_secret == "other"
        assert sandbox.sales.rows("accounts") == []
        assert sandbox.ca_file.name == "ca.pem"
        assert sandbox.sales.admin.counts()["accounts"] == 0


def test_one_that_cannot_start_says_why():
    with pytest.raises(SandboxError, match=r"The sandbox did not start: .*SANDBOX_TOKEN_SECONDS is 'soon'"):
        Sandbox(environment={"SANDBOX_TOKEN_SECONDS": "soon"}).start()
