"""The folder in which a sandbox keeps its state."""

from support.running import Sandbox


def test_only_the_user_who_started_it_can_read_what_a_sandbox_keeps(tmp_path):
    home = tmp_path / "new" / "home"
    sandbox = Sandbox(home, "--accounts", "3", "--products", "2", SANDBOX_TLS="1")
    sandbox.sales.create("accounts", {"name": "Secret"})
    sandbox.finops.admin("PUT", "packages/projects/P", {"entities": [{"label": "Customers V3"}]})
    assert sandbox.stop() == 0

    kept = [home, *home.rglob("*")]
    assert {"sales", "finops", "tls", "lock", "sandbox.log"} <= {path.name for path in kept}
    assert [str(path) for path in kept if path.stat().st_mode & 0o077] == []
