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
def test_a_flow_extracts_transforms_loads_and_reports_in_this_order(dags, flow):
    dag = dags[f"prospect_to_cash_{flow}"]
    order = [task.task_id.partition(".")[0].partition("_")[0] for task in dag.topological_sort()]
    stages = [stage for n, stage in enumerate(order) if n == 0 or order[n - 1] != stage]

    assert stages == ["extract", "transform", "load", "report"]
    assert dag.get_task("report").trigger_rule == "all_done"
    assert dag.max_active_runs == 1
    assert set(dag.params) == {
        "dry_run", "full", "force", "retry_rejected", "release_safety_limit", "safety_limit_share", "safety_limit_floor",
    }  # fmt: skip


@pytest.mark.parametrize("flow", cards())
def test_a_scheduled_run_has_a_data_interval(dags, flow):
    timetable = dags[f"prospect_to_cash_{flow}"].timetable

    assert type(timetable).__name__ == "CronDataIntervalTimetable"


@pytest.mark.parametrize("flow", cards())
def test_a_run_has_at_most_nine_tasks(dags, flow):
    tasks = dags[f"prospect_to_cash_{flow}"].task_ids

    assert 4 <= len(tasks) <= 9, tasks


@pytest.mark.parametrize("flow", cards())
def test_every_read_of_a_card_belongs_to_one_extract_task_over_one_system(dags, flow):
    extracts = [
        task for task in dags[f"prospect_to_cash_{flow}"].tasks if task.task_id.startswith("extract.")
    ]

    assert {task.task_id for task in extracts} >= {"extract.sales", "extract.finops"}
    for task in extracts:
        assert len({read.system for read in task.reads}) == 1
    reads = [read for task in extracts for read in task.reads]
    assert sorted(read.name for read in reads) == sorted(read.name for read in extracts[0].card.reads)


@pytest.mark.parametrize("flow", cards())
def test_tasks_that_talk_to_a_system_take_a_slot_of_its_pool(dags, flow):
    pools = {task.task_id: task.pool for task in dags[f"prospect_to_cash_{flow}"].tasks}
    systems = {
        task.task_id: (task.reads if hasattr(task, "reads") else task.writes)[0].system
        for task in dags[f"prospect_to_cash_{flow}"].tasks
        if hasattr(task, "reads") or hasattr(task, "writes")
    }

    assert len(systems) == len(pools) - 2
    assert {name: pools[name] for name in systems} == {
        name: f"d365_{system}" for name, system in systems.items()
    }
    assert pools["transform"] == pools["report"] == "default_pool"


def test_a_daily_dag_reconciles_every_write_of_every_flow_with_one_task_per_system(dags):
    dag = dags["prospect_to_cash_reconcile"]

    assert {task.task_id: task.pool for task in dag.tasks} == {"sales": "d365_sales", "finops": "d365_finops"}
    for task in dag.tasks:
        assert sorted(card.name for card in task.cards) == cards()
        assert task.system == task.task_id
    assert dag.schedule == "0 3 * * *"
    assert set(dag.params) == {"flow"}
