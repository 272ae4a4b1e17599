"""F&O sheet, section 9: throttling and limits."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.ordering import ENUM, switched
from support.running import Sandbox


def message(answer):
    return answer.json()["message"]


def test_s09_high_utilization_is_429_with_retry_after_and_its_sentence(finops):
    with switched(finops, resource_utilization="high", retry_after_seconds=90):
        answer = finops.get("Companies")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "90")
    assert message(answer) == (
        "This request could not be processed at this time due to system experiencing high resource utilization."
    )


def test_s09_retry_after_may_be_missing(finops):
    with switched(finops, resource_utilization="high", retry_after_seconds=0):
        answer = finops.get("Companies")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("utilization", "priority", "status"),
    [
        ("high", "low", 429), ("high", "medium", 200), ("high", "high", 200),
        ("critical", "medium", 429), ("critical", "high", 200), ("normal", "low", 200),
    ],
)  # fmt: skip
def test_s09_lower_priorities_are_refused_first(finops, utilization, priority, status):
    with switched(finops, resource_utilization=utilization, integration_priority=priority):
        assert finops.get("Companies").status_code == status


def test_s09_writes_batches_and_actions_are_throttled_too(finops):
    with switched(finops, resource_utilization="high"):
        assert finops.post("CustomerGroups", {"CustomerGroupId": "T1"}).status_code == 429
        assert finops.batch("").status_code == 429
        assert finops.post(f"DataManagementEntities/{ENUM}GetApplicationVersion", {}).status_code == 429
    assert finops.get("CustomerGroups(dataAreaId='usmf',CustomerGroupId='T1')").status_code == 404


@pytest.fixture
def moving(finops):
    """Moves the clock, and with it the window, for one test."""
    yield lambda seconds: finops.admin("POST", "clock", {"offset_seconds": seconds})
    finops.admin("POST", "clock", {"offset_seconds": 0})


def test_s09_limits_per_user_are_withdrawn_and_off(finops):
    with switched(finops, user_requests=1):
        assert [finops.get("Companies").status_code for _ in range(3)] == [200, 200, 200]


def test_s09_the_number_of_requests_is_limited_over_a_window(finops, moving):
    moving(10_000)
    with switched(finops, user_limits=True, user_requests=3):
        answers = [finops.get("Companies") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert (
            message(answers[-1])
            == "Number of requests exceeded the limit of 3 over the time window of 300 seconds."
        )
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 300
        moving(10_301)
        assert finops.get("Companies").status_code == 200


def test_s09_the_execution_time_is_limited_over_a_window(finops, moving):
    moving(20_000)
    with switched(finops, user_limits=True, user_seconds=0):
        assert finops.get("Companies").status_code == 429
        text = message(finops.get("Companies"))
    assert text.startswith(
        "Combined execution time of incoming requests exceeded limit of 0 seconds over time window of 300 seconds."
    )


def test_s09_concurrent_requests_are_limited(finops, moving):
    moving(30_000)
    slow = {"update_conflicts": True, "write_seconds": 1.0}
    with switched(finops, user_limits=True, user_concurrent=2, **slow), ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda n: finops.post("CustomersV3", {"CustomerAccount": n}), "abc"))
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) == 1
    assert message(refused[0]) == "Number of concurrent requests exceeded the limit of 2."


def test_s09_the_limits_have_the_documented_sizes(finops):
    found = finops.admin("GET", "parameters").json()
    assert (found["user_requests"], found["user_window_seconds"]) == (6000, 300)
    assert (found["user_seconds"], found["user_concurrent"]) == (1200, 52)


def test_s09_the_first_call_after_a_start_is_slow(tmp_path):
    sandbox = Sandbox(tmp_path, "--finops", "first_call_seconds=1")
    try:
        first, second = (sandbox.finops.get("Companies").elapsed.total_seconds() for _ in range(2))
    finally:
        sandbox.kill()
    assert first >= 1
    assert second < first


def test_s09_parameters_are_set_at_the_start(tmp_path):
    sandbox = Sandbox(tmp_path, "--finops", "language=de", "--finops", "resource_utilization=high")
    try:
        assert sandbox.finops.get("Companies").status_code == 429
        assert sandbox.finops.admin("GET", "parameters").json()["language"] == "de"
    finally:
        sandbox.kill()
