import pytest

from tests.world import ROOT


@pytest.fixture(scope="module")
def dags(airflow):
    from tests.world import dags

    return dags()


def cards() -> list[str]:
    return sorted(path.stem for path in (ROOT / "dags" / "flows").glob("*.yaml"))


def test_there_is_one_dag_per_card(dags):
    assert len(cards()) >= 2
    assert {f"prospect_to_cash_{name}" for name in cards()} <= set(dags)


@pytest.mark.parametrize("flow", cards())
def test_a_flow_reads_transforms_loads_and_reports_in_this_order(dags, flow):
    dag = dags[f"prospect_to_cash_{flow}"]
    order = [task.task_id.partition(".")[0].partition("_")[0] for task in dag.topological_sort()]
    stages = [stage for n, stage in enumerate(order) if n == 0 or order[n - 1] != stage]

    assert stages == ["extract", "transform", "load", "report"]
    assert dag.get_task("report").trigger_rule == "all_done"
    assert dag.max_active_runs == 1
    assert set(dag.params) == {
        "dry_run", "full", "force", "retry_rejected", "release_brake", "brake_share", "brake_floor",
    }  # fmt: skip


@pytest.mark.parametrize("flow", cards())
def test_a_scheduled_run_covers_a_stretch_of_time(dags, flow):
    timetable = dags[f"prospect_to_cash_{flow}"].timetable

    assert type(timetable).__name__ == "CronDataIntervalTimetable"
