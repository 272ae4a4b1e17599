import json

from bench import results
from bench.results import Figure


def test_names_are_aligned_left_and_numbers_right(capsys):
    results.show([Figure("read", 20_000, 0.8).line(), Figure("write one by one", 10, 20).line()])

    assert capsys.readouterr().out.splitlines() == [
        "what                rows      s  rows/s",
        "----------------  ------  -----  ------",
        "read              20,000   0.80  25,000",
        "write one by one      10  20.00       0",
    ]


def test_processor_time_is_shown_per_thousand_rows():
    figure = Figure("load", 2_000, 1, {"postgres": 0.5, "python": 0.1})

    assert figure.line() == {
        "what": "load", "rows": "2,000", "s": "1.00", "rows/s": "2,000", "postgres ms/1000": "250", "python ms/1000": "50",
    }  # fmt: skip
    assert figure.values()["postgres_cpu_seconds"] == 0.5


def test_without_figures_nothing_is_printed(capsys):
    results.show([])

    assert capsys.readouterr().out == ""


def test_figures_are_appended_with_time_and_machine(tmp_path):
    path = tmp_path / "deep" / "figures.jsonl"
    for rows in (10, 30):
        results.append(path, "serve", [Figure("read", rows, 2).values()])

    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert (first["bench"], first["rows_per_second"], second["rows_per_second"]) == ("serve", 5, 15)
    assert first["cores"] >= 1
    assert first["cpu"]
    assert first["at"].endswith("+00:00")


def test_without_a_path_no_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    results.append(None, "serve", [Figure("read", 1, 1).values()])

    assert list(tmp_path.iterdir()) == []
