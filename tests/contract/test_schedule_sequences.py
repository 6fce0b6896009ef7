"""Random sequences of all that changes dates, on every store, beside a plain model of what they do.

`SCHEDULE_SEQUENCES=300 pytest tests/contract/test_schedule_sequences.py` runs more of them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

import pytest

from src.dao import Store
from src.domain.errors import NothingToUndoError, ScheduleChangedError
from src.domain.roadmap import Roadmap
from src.domain.schedule import (
    NO_SETTINGS,
    AppliedSchedule,
    DatedPlan,
    DaysOff,
    NewDates,
    ScheduleSettings,
)
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_tasks

SEQUENCES = int(os.environ.get("SCHEDULE_SEQUENCES", "8"))
STEPS = 15
DAYS = [date(2026, 12, 28) + timedelta(days=number) for number in range(9)]


@dataclass
class ModelTask:
    """What a schedule can change of a task, and whether it is completed."""

    due: date | None = None
    by_hand: bool = False
    changes: int = 0
    is_completed: bool = False

    def date(self, due: date | None) -> None:
        self.changes += due != self.due
        self.due = due


@dataclass
class Model:
    """A plan as the protocol's docstrings describe it. Refused steps return None."""

    tasks: dict[str, ModelTask]
    settings: ScheduleSettings = NO_SETTINGS
    version: int = 0
    applied: AppliedSchedule | None = None
    before: tuple[dict[str, date | None], ScheduleSettings] | None = None
    requests: list[NewDates] = field(default_factory=list)

    def set_dates(self, new: NewDates) -> int | None:
        if new.based_on != self.version:
            repeated = self.applied is not None and self.applied.request == new.applied.request
            return self.version if repeated else None
        self.before = ({key: task.due for key, task in self.tasks.items()}, self.settings)
        self._date(new.dates)
        self.settings, self.applied = new.settings, new.applied
        self.version += 1
        return self.version

    def undo(self) -> int | None:
        if self.before is None:
            return None
        dates, self.settings = self.before
        self._date(dates)
        self._forget()
        return self.version

    def move(self, task_id: str, due: date | None) -> None:
        task = self.tasks[task_id]
        if (task.due, task.by_hand) != (due, due is not None):
            task.date(due)
            task.by_hand = due is not None
            self._forget()

    def _date(self, dates: Mapping[str, date | None]) -> None:
        for task_id, due in dates.items():
            self.tasks[task_id].date(due)

    def _forget(self) -> None:
        self.version += 1
        self.applied = self.before = None


def differences(plan: DatedPlan, model: Model) -> list[str]:
    """Return a line for everything in which a stored plan is not as the model."""
    found = [
        f"task {number}: {actual} instead of {expected}"
        for number, (task, expected) in enumerate(
            zip(plan.tasks, model.tasks.values(), strict=True)
        )
        if (
            actual := ModelTask(
                task.due_date,
                task.is_moved_by_hand,
                task.date_changes,
                task.completed_at is not None,
            )
        )
        != expected
    ]
    stored_values = (plan.settings, plan.version, plan.applied)
    if stored_values != (model.settings, model.version, model.applied):
        found.append(f"{stored_values} instead of {model}")
    return found


def random_dates(random: Random, model: Model) -> NewDates:
    """Return new dates for some tasks, mostly of the present version, or an earlier request."""
    if model.requests and random.random() < 0.2:
        return random.choice(model.requests)
    chosen = random.sample(list(model.tasks), random.randint(0, len(model.tasks)))
    new = NewDates(
        model.version - (random.random() < 0.1),
        {task_id: random.choice(DAYS) for task_id in chosen},
        ScheduleSettings(
            random.choice([None, *DAYS]),
            DaysOff.parse(random.sample(["monday", "2026-12-24", "2027-01-01/2027-01-06"], 2)),
            random.choice([None, 30, 90]),
        ),
        AppliedSchedule(f"request {len(model.requests)}", f"answer {random.random()}"),
    )
    model.requests.append(new)
    return new


async def take_step(store: Store, roadmap: Roadmap, model: Model, random: Random) -> str:
    """Do one random thing to the store and to the model; return what, for the failure's report."""
    user_id, roadmap_id = roadmap.user_id, roadmap.roadmap_id
    kind = random.choice(["set", "set", "undo", "move", "complete"])
    task_id = random.choice(list(model.tasks))
    actual: int | None = None
    if kind == "set":
        new = random_dates(random, model)
        expected = model.set_dates(new)
        try:
            actual = await store.schedules.set_dates(user_id, roadmap_id, new)
        except ScheduleChangedError as error:
            refused_at = error.version
        else:
            refused_at = model.version
        assert (actual, refused_at) == (expected, model.version)
    elif kind == "undo":
        expected = model.undo()
        try:
            actual = await store.schedules.undo(user_id, roadmap_id)
        except NothingToUndoError:
            actual = None
        assert actual == expected
    elif kind == "move":
        due = random.choice([None, *DAYS])
        model.move(task_id, due)
        moved = await store.schedules.move_task(user_id, task_id, due)
        assert (moved.id, moved.due_date) == (task_id, due)
    else:
        completed = random.random() < 0.7
        model.tasks[task_id] = replace(model.tasks[task_id], is_completed=completed)
        await store.set_task_completed(task_id, completed=completed, time_zone="Asia/Tokyo")
    return f"{kind} of {task_id}"


@pytest.mark.timeout(60 + 3 * SEQUENCES)
async def test_sequences_do_what_the_model_does(store: Store) -> None:
    """After every step, each task, the settings and the version are as the model has them."""
    taken = 0
    for seed in range(SEQUENCES):
        random = Random(seed)
        roadmap = await stored(store, new_roadmap(weeks=1, tasks_per_day=2))
        ids = [task.id for task in await list_tasks(store, roadmap.roadmap_id)]
        model = Model({task_id: ModelTask() for task_id in ids})
        steps = []
        for _ in range(STEPS):
            steps.append(await take_step(store, roadmap, model, random))
            plan = await store.schedules.get_plan(roadmap.user_id, roadmap.roadmap_id)
            assert differences(plan, model) == [], (seed, steps)
            taken += 1
    assert taken == SEQUENCES * STEPS
