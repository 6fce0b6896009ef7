"""Progress and dates in Supabase: one SQL function per step, whose answer is one document."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter

from src.dao import schedule_rows
from src.dao.supabase.client import TRANSIENT_ERRORS, PostgrestClient, parse_rows
from src.domain.errors import (
    CalendarFeedNotFoundError,
    CalendarPolledTooOftenError,
    NothingToUndoError,
    RoadmapNotFoundError,
    ScheduleChangedError,
    StoreError,
    TaskNotFoundError,
)
from src.domain.progress import ProgressFacts, RoadmapTotals, TaskGroup
from src.domain.roadmap import Roadmap, Task
from src.domain.schedule import (
    FEED_POLLS_PER_HOUR,
    AppliedSchedule,
    CalendarFeed,
    DatedPlan,
    NewDates,
)
from src.domain.vocabulary import Value

_ErrorClasses: TypeAlias = tuple[type[StoreError], ...]

_Columns: TypeAlias = list[list[Any] | None]
"""Rows as one array per column; null if there are none."""


class _Facts(Value):
    """A roadmap in the document of `list_facts`."""

    roadmap: Roadmap
    settings: tuple[str | None, list[str] | None, int | None]
    groups: _Columns
    completions: _Columns

    def to_value(self) -> ProgressFacts:
        return ProgressFacts(
            self.roadmap,
            schedule_rows.parse_groups(self.groups),
            schedule_rows.parse_completions(_rows(self.completions)),
            schedule_rows.parse_settings(*self.settings),
        )


class _Plan(Value):
    """The document of `read_plan`."""

    roadmap: Roadmap
    settings: tuple[str | None, list[str] | None, int | None]
    version: int
    applied_request: str | None
    applied_answer: str | None
    tasks: _Columns

    def to_value(self) -> DatedPlan:
        applied = None
        if self.applied_request is not None and self.applied_answer is not None:
            applied = AppliedSchedule(self.applied_request, self.applied_answer)
        return DatedPlan(
            self.roadmap,
            schedule_rows.parse_settings(*self.settings),
            self.version,
            schedule_rows.parse_tasks(_rows(self.tasks)),
            applied,
        )


class _Step(Value):
    """The document of `set_dates` and `undo_dates`."""

    version: int
    done: bool


class _Poll(Value):
    """The document of `poll_feed`."""

    roadmap_id: int
    user_id: UUID
    time_zone: str
    rollover: int
    alarm_hour: int | None
    retry_after: float | None


_TOTALS = TypeAdapter(list[RoadmapTotals])
_FACTS = TypeAdapter(dict[str, list[_Facts]])
_OPEN_TASKS = TypeAdapter(dict[int, list[Task]])
_PLAN = TypeAdapter(_Plan)
_STEP = TypeAdapter(_Step)
_TASK = TypeAdapter(Task)
_POLL = TypeAdapter(_Poll)


class SupabaseSchedules:
    """Implements `src.dao.Schedules` over PostgREST."""

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client

    async def list_totals(self, user_id: UUID) -> list[RoadmapTotals]:
        (document,) = await self._read("list_totals", p_user_id=str(user_id))
        return parse_rows(_TOTALS, document)

    async def list_facts(self, user_id: UUID, roadmap_id: int | None = None) -> list[ProgressFacts]:
        (document,) = await self._read(
            "list_facts", p_user_id=str(user_id), p_roadmap_id=roadmap_id
        )

        def parse() -> list[ProgressFacts]:
            return [facts.to_value() for facts in parse_rows(_FACTS, document)["roadmaps"]]

        # A year of 30 roadmaps has tens of thousands of groups.
        facts = await asyncio.to_thread(parse)
        if roadmap_id is not None and not facts:
            raise RoadmapNotFoundError(roadmap_id)
        return facts

    async def list_open_tasks(
        self, user_id: UUID, groups: Mapping[int, Sequence[TaskGroup]]
    ) -> dict[int, list[Task]]:
        asked = {
            str(roadmap_id): [
                [group.week_number, group.day_number, _text(group.due_date)] for group in of_roadmap
            ]
            for roadmap_id, of_roadmap in groups.items()
        }
        (document,) = await self._read("list_open_tasks", p_user_id=str(user_id), p_days=asked)
        return parse_rows(_OPEN_TASKS, document)

    async def get_plan(self, user_id: UUID, roadmap_id: int) -> DatedPlan:
        documents = await self._read("read_plan", p_user_id=str(user_id), p_roadmap_id=roadmap_id)
        if not documents:
            raise RoadmapNotFoundError(roadmap_id)
        return parse_rows(_PLAN, documents[0]).to_value()

    async def get_plan_of_task(self, user_id: UUID, task_id: str) -> DatedPlan:
        documents = await self._read(
            "read_plan", p_user_id=str(user_id), p_task_id=_task_id(task_id)
        )
        if not documents:
            raise TaskNotFoundError
        return parse_rows(_PLAN, documents[0]).to_value()

    async def set_dates(self, user_id: UUID, roadmap_id: int, new: NewDates) -> int:
        documents = await self._write(
            "set_dates",
            p_user_id=str(user_id),
            p_roadmap_id=roadmap_id,
            p_based_on=new.based_on,
            p_dates={task_id: day.isoformat() for task_id, day in new.dates.items()},
            p_start_date=_text(new.settings.start),
            p_days_off=new.settings.days_off.texts(),
            p_minutes_per_day=new.settings.minutes_per_day,
            p_request=new.applied.request,
            p_answer=new.applied.answer,
        )
        if not documents:
            raise RoadmapNotFoundError(roadmap_id)
        step = parse_rows(_STEP, documents[0])
        if not step.done:
            raise ScheduleChangedError(step.version)
        return step.version

    async def undo(self, user_id: UUID, roadmap_id: int) -> int:
        # Not retried: a second undo would find nothing to undo.
        documents = await self._write(
            "undo_dates", retry_on=(), p_user_id=str(user_id), p_roadmap_id=roadmap_id
        )
        if not documents:
            raise RoadmapNotFoundError(roadmap_id)
        step = parse_rows(_STEP, documents[0])
        if not step.done:
            raise NothingToUndoError
        return step.version

    async def move_task(self, user_id: UUID, task_id: str, due_date: date | None) -> Task:
        documents = await self._write(
            "move_task",
            p_user_id=str(user_id),
            p_task_id=_task_id(task_id),
            p_due_date=_text(due_date),
        )
        if not documents:
            raise TaskNotFoundError
        return parse_rows(_TASK, documents[0])

    async def create_feed(self, feed: CalendarFeed, token_hash: str) -> None:
        is_stored = await self._write(
            "create_feed",
            expected=bool,
            p_user_id=str(feed.user_id),
            p_roadmap_id=feed.roadmap_id,
            p_token_hash=token_hash,
            p_time_zone=feed.time_zone,
            p_rollover=feed.rollover,
            p_alarm_hour=feed.alarm_hour,
        )
        if not is_stored:
            raise RoadmapNotFoundError(feed.roadmap_id)

    async def delete_feed(self, user_id: UUID, roadmap_id: int) -> None:
        is_own = await self._write(
            "delete_feed", expected=bool, p_user_id=str(user_id), p_roadmap_id=roadmap_id
        )
        if not is_own:
            raise RoadmapNotFoundError(roadmap_id)

    async def poll_feed(self, token_hash: str) -> CalendarFeed:
        documents = await self._write(
            "poll_feed", p_token_hash=token_hash, p_most=FEED_POLLS_PER_HOUR
        )
        if not documents:
            raise CalendarFeedNotFoundError
        poll = parse_rows(_POLL, documents[0])
        if poll.retry_after is not None:
            raise CalendarPolledTooOftenError(poll.retry_after)
        return CalendarFeed(**poll.model_dump(exclude={"retry_after"}))

    async def _read(self, function: str, **parameters: object) -> list[Any]:
        documents: list[Any] = (
            await self._client.read(self._client.rpc(function, parameters))
        ).data
        return documents

    async def _write(
        self,
        function: str,
        *,
        retry_on: _ErrorClasses = TRANSIENT_ERRORS,
        expected: type = list,
        **parameters: object,
    ) -> Any:  # noqa: ANN401  what the function returns
        """Call a function; one that is retried must be idempotent."""
        answer = await self._client.execute_for_client(
            self._client.rpc(function, parameters), retry_on=retry_on, expected=expected
        )
        return answer.data


def _rows(columns: _Columns) -> Iterator[tuple[Any, ...]]:
    return zip(*(column or () for column in columns), strict=False)


def _task_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise TaskNotFoundError from None


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
