"""The fixtures that come with the package, in a test session of their own."""

TESTS = """
def test_the_session_has_one_sandbox_with_records(d365_sandbox):
    assert d365_sandbox.sales.admin.counts()["accounts"] == 60
    d365_sandbox.sales.create("accounts", {"name": "Left behind"})

def test_the_next_test_gets_the_same(d365_sandbox):
    assert d365_sandbox.sales.admin.counts()["accounts"] == 61

def test_the_factory_starts_others_with_options(d365_sandbox, d365_sandbox_factory):
    other = d365_sandbox_factory("--limit-requests", "2", environment={"SANDBOX_TOKEN_SECONDS": "77"})
    assert other.sales.url != d365_sandbox.sales.url
    assert [other.sales.send("GET", "accounts").status for _ in range(3)] == [200, 200, 429]
    print("PIDS", d365_sandbox.process.pid, other.process.pid)
"""


def test_fixtures_are_there_without_any_import_and_every_process_ends(pytester):
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess("-s", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=3)
    (line,) = [line for line in done.outlines if "PIDS" in line]
    for pid in line.split("PIDS")[1].split()[:2]:
        assert not _runs(int(pid))


def _runs(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as command:
            return "d365_sandbox" in command.read()
    except FileNotFoundError:
        return False
