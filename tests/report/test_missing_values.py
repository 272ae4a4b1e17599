"""The command line that lists missing values."""

import json

from prospect_to_cash.report import missing_values


def test_a_flow_that_was_never_built_misses_nothing(database, capsys):
    assert missing_values.main(["--json", "--database-url", database, "accounts"]) == 0
    assert json.loads(capsys.readouterr().out) == {"missing": [], "not_looked_at": []}


def test_without_a_database_the_remedy_is_named(monkeypatch, capsys):
    for name in ("P2C_DATABASE_URL", "AIRFLOW_CONN_STAGING_DB"):
        monkeypatch.delenv(name, raising=False)
    assert missing_values.main(["accounts"]) == 2
    assert "set AIRFLOW_CONN_STAGING_DB" in capsys.readouterr().err
