"""A stand-in for Airflow's task instance, for tasks that are executed without Airflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class TaskInstance:
    """What a task sees of Airflow: the XComs of its run, by task and key."""

    task_id: str
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: object) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: Sequence[str], key: str = "return_value") -> list[Any]:
        return [self.xcoms.get((name, key)) for name in task_ids]
