"""Gives a roadmap's tasks new dates, tries out what that would change, and takes it back."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from pydantic import Field

from src.dao import Schedules
from src.domain.errors import ScheduleChangedError
from src.domain.roadmap import Task
from src.domain.schedule import AppliedSchedule, DatedPlan, DaysOff, NewDates, ScheduleSettings
from src.domain.vocabulary import Value
from src.services.progress.computing import Computing
from src.services.progress.days import Reader
from src.services.progress.plan_dates import cushion_of, dated_tasks, due_dates
from src.services.progress.rescheduling import Strategy, Wanted, reschedule
from src.services.progress.timeline import minutes_per_day, start_of

MOVE_AHEAD = timedelta(days=3 * 366)
"""How far from today a task can be moved by hand: three years."""


class DateOutOfRangeError(ValueError):
    """A task cannot be moved to this date; the message says to which it can."""


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """What a learner asks for; None is what they leave to the last schedule, or to the roadmap."""

    strategy: Strategy
    start: date | None
    first_day: date | None
    end: date | None
    days_off: DaysOff | None
    minutes_per_day: int | None
    reader: Reader


class Move(Value):
    """A task that gets another date."""

    task_id: str
    from_: date = Field(alias="from")
    to: date


class MinutesChange(Value):
    """Minutes before and after a schedule."""

    before: int
    after: int


class DateChange(Value):
    """A date before and after a schedule."""

    before: date
    after: date


class ScheduleAnswer(Value):
    """What a schedule changes, or would change."""

    roadmap_id: int
    dry_run: bool
    moves: list[Move]
    cushion_minutes: MinutesChange
    end: DateChange


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The answer's JSON, and the version of the dates that it leads to, or is based on."""

    answer: str
    version: int


@dataclass(frozen=True, slots=True)
class Precondition:
    """What a client knows: versions of the dates, of which one must be the present one.

    `versions` is None if any version will do. `text` is the condition as it was sent.
    """

    versions: frozenset[int] | None
    text: str

    def check(self, version: int) -> None:
        """Compare the present version.

        Raises:
            ScheduleChangedError: it is none of those that the client knows.
        """
        if self.versions is not None and version not in self.versions:
            raise ScheduleChangedError(version)


class SchedulingService:
    """Changes dates. Another user's roadmap or task is treated as if it did not exist.

    Every method can raise the errors of a store.
    """

    def __init__(self, schedules: Schedules, computing: Computing) -> None:
        self._schedules = schedules
        self._computing = computing

    async def try_out(self, user_id: UUID, roadmap_id: int, request: ScheduleRequest) -> Scheduled:
        """Return what a schedule would change.

        Raises:
            ScheduleDoesNotFitError: the tasks do not fit into the days.
            ProgressOverloadedError: too much is being computed.
        """
        plan = await self._schedules.get_plan(user_id, roadmap_id)
        proposal = await self._computing.run(_propose, plan, request, dry_run=True)
        return Scheduled(proposal.answer, plan.version)

    async def apply(
        self,
        user_id: UUID,
        roadmap_id: int,
        request: ScheduleRequest,
        precondition: Precondition,
        sent: Mapping[str, object],
    ) -> Scheduled:
        """Store a schedule and return what it has changed.

        `sent` is the request as JSON. The same request under the same condition gets the same
        answer again, until something else changes a date; under the condition `*`, on the same day.

        Raises:
            ScheduleDoesNotFitError: the tasks do not fit into the days.
            ScheduleChangedError: the dates are not those that the client knows.
            ProgressOverloadedError: too much is being computed.
        """
        fingerprint = _fingerprint(sent, precondition, request.reader.today)
        plan = await self._schedules.get_plan(user_id, roadmap_id)
        if repeated := _repeated(plan, fingerprint):
            return repeated
        precondition.check(plan.version)
        proposal = await self._computing.run(_propose, plan, request, dry_run=False)
        new = NewDates(
            plan.version,
            proposal.dates,
            proposal.settings,
            AppliedSchedule(fingerprint, proposal.answer),
        )
        try:
            version = await self._schedules.set_dates(user_id, roadmap_id, new)
        except ScheduleChangedError:
            # Perhaps by the same request, of which this one is a repetition.
            plan = await self._schedules.get_plan(user_id, roadmap_id)
            if repeated := _repeated(plan, fingerprint):
                return repeated
            raise
        return Scheduled(proposal.answer, version)

    async def undo(self, user_id: UUID, roadmap_id: int) -> int:
        """Restore the dates before the last schedule; return their version.

        Raises:
            NothingToUndoError: nothing was scheduled, or something has changed a date since.
        """
        return await self._schedules.undo(user_id, roadmap_id)

    async def move_task(
        self, user_id: UUID, task_id: str, due_date: date | None, reader: Reader
    ) -> Task:
        """Move a task by hand, or let go of it with None; return it.

        Raises:
            DateOutOfRangeError: the date is before the roadmap's start, or more than three years
                after today.
        """
        if due_date is not None:
            plan = await self._schedules.get_plan_of_task(user_id, task_id)
            first = start_of(plan.roadmap, plan.settings, reader)
            last = reader.today + MOVE_AHEAD
            if not first <= due_date <= last:
                raise DateOutOfRangeError(f"must be from {first} to {last}")
        return await self._schedules.move_task(user_id, task_id, due_date)


@dataclass(frozen=True, slots=True)
class _Proposal:
    answer: str
    dates: Mapping[str, date]
    """Those that are to be stored."""
    settings: ScheduleSettings


def _propose(plan: DatedPlan, request: ScheduleRequest, *, dry_run: bool) -> _Proposal:
    before = due_dates(plan, request.reader)
    start = start_of(plan.roadmap, plan.settings, request.reader)
    settings = _settings(plan.settings, request)
    after = before | reschedule(
        dated_tasks(plan, before), _wanted(plan, request, settings, list(before.values()))
    )
    answer = ScheduleAnswer(
        roadmap_id=plan.roadmap.roadmap_id,
        dry_run=dry_run,
        moves=[
            Move.model_validate({"task_id": task_id, "from": before[task_id], "to": day})
            for task_id, day in after.items()
            if before[task_id] != day
        ],
        cushion_minutes=MinutesChange(
            before=cushion_of(plan, before, plan.settings, request.reader),
            after=cushion_of(plan, after, settings, request.reader),
        ),
        end=DateChange(
            before=max(before.values(), default=start), after=max(after.values(), default=start)
        ),
    )
    # Fixed tasks without a date are pinned to their day: it would move with the start.
    changed = {task.id: after[task.id] for task in plan.tasks if task.due_date != after[task.id]}
    return _Proposal(answer.model_dump_json(by_alias=True), changed, settings)


def _settings(last: ScheduleSettings, request: ScheduleRequest) -> ScheduleSettings:
    return ScheduleSettings(
        start=request.start or last.start,
        days_off=last.days_off if request.days_off is None else request.days_off,
        minutes_per_day=request.minutes_per_day or last.minutes_per_day,
    )


def _wanted(
    plan: DatedPlan, request: ScheduleRequest, settings: ScheduleSettings, present: Sequence[date]
) -> Wanted:
    return Wanted(
        strategy=request.strategy,
        start=start_of(plan.roadmap, settings, request.reader),
        first_day=request.first_day or request.reader.today,
        end=request.end or max(present, default=request.reader.today),
        days_off=settings.days_off,
        minutes_per_day=minutes_per_day(plan.roadmap, settings),
    )


def _fingerprint(sent: Mapping[str, object], precondition: Precondition, today: date) -> str:
    # `*` does not say which dates the client has seen: next week it asks for another schedule.
    day = None if precondition.versions is not None else today.isoformat()
    text = json.dumps([sent, precondition.text, day], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _repeated(plan: DatedPlan, fingerprint: str) -> Scheduled | None:
    applied = plan.applied
    if applied is None or applied.request != fingerprint:
        return None
    return Scheduled(applied.answer, plan.version)
