"""Tasks of one identity in processes of their own: a wait that one is asked for holds for the other."""

import os
import subprocess
import sys
import threading
import time

from prospect_to_cash.hooks import hook_for
from prospect_to_cash.operators.sessions import client_session
from tests.world import ROOT

OTHER_TASK = """
import sys
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.operators.sessions import client_session
with client_session(hook_for("sales")) as client:
    for line in sys.stdin:
        client.identity()
        print("sent", flush=True)
"""


def other_task() -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_TASK],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def send(task: subprocess.Popen) -> float:
    """Let the task send one request; returns when it was answered."""
    task.stdin.write("\n")
    task.stdin.flush()
    for line in task.stdout:  # Airflow logs there too
        if line == "sent\n":
            return time.monotonic()
    raise AssertionError("the task ended")


def test_a_task_in_another_process_sends_nothing_while_the_service_asks_to_wait(source, connections, raw):
    throttled = threading.Event()

    def once(page):
        if throttled.is_set():
            return None
        throttled.set()
        return 429

    source.fault = once
    source.retry_after = 3
    with other_task() as task, client_session(hook_for("sales")) as client:
        try:
            send(task)
            mine = threading.Thread(target=lambda: list(client.pages("accounts", ["accountid"])))
            mine.start()
            assert throttled.wait(20)
            asked = time.monotonic()
            time.sleep(1.2)  # a process looks for waits once a second
            identities = source.identities
            answered = send(task)
            mine.join(20)
        finally:
            task.stdin.close()
    assert answered - asked >= 2.9
    assert source.identities == identities + 1
    assert raw.sql("select times_asked from sync.service_wait where host = %s", client.host) == [(1,)]
