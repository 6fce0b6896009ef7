"""The fingerprint of a request, what a record says, and when a generation's cost is known."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from src.domain.errors import (
    GenerationAbandonedError,
    GenerationCancelledError,
    GenerationWaitingError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
    MomentumError,
)
from src.domain.generation import PART_KINDS, GenerationRecord, NewGeneration, is_cost_known
from src.domain.plan import DayReady, ModelUsage, PlanRequest
from src.domain.quotas import Requester

PRINTS_OF_0_1 = {
    "6054287bfab5000305e137028c492b15a153af12906b189bcb512c39689e9a73": PlanRequest(
        goal="Learn Rust", duration_weeks=1, daily_hours=2, level="intermediate"
    ),
    "f4a28eef21984fcfcd5954a2c5dc31cf68df06f51849a65515f7976724d8d5c1": PlanRequest(
        goal="Learn Rust", duration_weeks=1, daily_hours=2.5, level="intermediate"
    ),
    "7a97ce655222ec14f84c46cf77557b71bf5992c0910dcab7a610dd5b43f599c1": PlanRequest(
        goal='Ünïcode 🦀 "quoted"', duration_weeks=52, daily_hours=8, level="advanced"
    ),
    "1d327647c7c4bdf579ea908a0b8bc8070602948aeafcff83198e17d567acb294": PlanRequest(
        goal="Go", duration_weeks=4, daily_hours=0.5, level="beginner"
    ),
}
"""Fingerprints as release 0.1 stored them: whole and half hours, and more than ASCII."""


class LaterRequest(PlanRequest):
    """A request as a later release may extend it."""

    language: str = "en"
    days_off: tuple[int, ...] = ()


def fingerprint(request: PlanRequest) -> str:
    requester = Requester(user_id=uuid4(), client_key="somewhere")
    # A new user and a new key each time: neither counts.
    key = str(uuid4())
    return NewGeneration(requester=requester, request=request, idempotency_key=key).fingerprint


@pytest.mark.parametrize(("stored", "request_"), PRINTS_OF_0_1.items())
def test_fingerprints_of_release_0_1_stay(stored: str, request_: PlanRequest) -> None:
    """Otherwise a keyed retry across a deploy would get a 422 in place of its roadmap."""
    assert fingerprint(request_) == stored


@pytest.mark.parametrize(("stored", "request_"), PRINTS_OF_0_1.items())
def test_new_optional_field_changes_no_fingerprint(stored: str, request_: PlanRequest) -> None:
    """A client that does not know the field sends the same request as before."""
    later = LaterRequest(**request_.model_dump())
    assert fingerprint(later) == stored
    assert fingerprint(later.model_copy(update={"language": "en"})) == stored
    assert fingerprint(later.model_copy(update={"language": "de"})) != stored


def test_parts_of_release_0_1_stay_readable() -> None:
    """Its tasks have no minutes."""
    task = {"text": "Read.", "effort": "light", "category": "reading"}
    day = {"day_number": 1, "tasks": [task]}
    stored = {"week_number": 1, "weekly_goal": "Begin", "day": day}
    part = PART_KINDS["day"].model_validate(stored)
    assert isinstance(part, DayReady)
    assert part.day.tasks[0].model_dump(exclude_none=True) == task


def test_every_field_counts() -> None:
    """Requests that differ anywhere are different requests."""
    request = PlanRequest(goal="Go", duration_weeks=4, daily_hours=2, level="beginner")
    changes: list[dict[str, object]] = [
        {},
        {"goal": "go"},
        {"duration_weeks": 5},
        {"daily_hours": 2.5},
        {"level": "advanced"},
    ]
    assert {name for change in changes for name in change} == set(PlanRequest.model_fields)
    prints = {fingerprint(request.model_copy(update=change)) for change in changes}
    assert len(prints) == len(changes)


NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("finished_at", "resume_at", "problem", "state"),
    [
        (None, None, None, "running"),
        (None, LATER, None, "waiting"),
        (None, NOW - timedelta(hours=1), None, "waiting"),  # Nobody has claimed it yet.
        # Release 0.1 ends a waiting generation without knowing that it waits.
        (NOW, LATER, "GenerationCancelledError", "cancelled"),
        (NOW, LATER, "model-unavailable", "failed"),
        (NOW, None, None, "succeeded"),
    ],
)
def test_state_of_a_record(
    finished_at: datetime | None, resume_at: datetime | None, problem: str | None, state: str
) -> None:
    """Only a waiting one says when it continues."""
    record = GenerationRecord(
        generation_id=uuid4(),
        user_id=uuid4(),
        fingerprint="f",
        idempotency_key=None,
        request=None,
        model="m",
        weeks_total=1,
        weeks_done=0,
        started_at=NOW,
        end_number=None,
        finished_at=finished_at,
        lease_id=uuid4(),
        changed_hands=False,
        resume_at=resume_at,
        roadmap=None,
        problem=problem,
        first_day_seconds=None,
    )
    assert record.state == state
    error = record.waiting_error
    assert (error and (error.generation_id, error.resume_at)) == (
        (record.generation_id, resume_at) if state == "waiting" else None
    )


@pytest.mark.parametrize(
    ("hours", "least", "most"),
    [(1, 3000, 3600), (-1, 1, 1), (None, None, None)],
)
def test_time_until_a_waiting_generation_continues(
    hours: float | None, least: float | None, most: float | None
) -> None:
    """In seconds, and never less than one: a client must not come back in a loop."""
    resume_at = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
    wait = GenerationWaitingError(uuid4(), resume_at).retry_after
    if wait is None or least is None or most is None:
        assert wait is least is most
    else:
        assert least <= wait <= most


FAILED = ModelOutputError("unusable")
UNREACHABLE = ModelUnavailableError("refused")
CANCELLED = GenerationCancelledError(uuid4())
ABANDONED = GenerationAbandonedError(uuid4())
TOO_SLOW = ModelTooSlowError("no end")


@pytest.mark.parametrize(
    ("calls", "priced", "changed_hands", "error", "known"),
    [
        # Without a call there is no cost, unless one was cut off before it was counted.
        (0, 0, False, None, True),
        (0, 0, False, UNREACHABLE, True),
        (0, 0, False, FAILED, True),
        (0, 0, False, MomentumError("a bug"), True),
        (0, 0, False, CANCELLED, False),
        (0, 0, False, ABANDONED, False),
        (0, 0, False, TOO_SLOW, False),
        # The holder before may have made a call that nobody counted.
        (0, 0, True, None, False),
        (0, 0, True, UNREACHABLE, False),
        (3, 3, True, None, False),
        # The provider has to have reported the cost of each call.
        (3, 3, False, None, True),
        (3, 2, False, None, False),
        (3, 0, False, None, False),
        # A failure may have cut off a call.
        (3, 3, False, FAILED, False),
        (3, 3, False, UNREACHABLE, False),
        (3, 3, False, CANCELLED, False),
    ],
)
def test_when_the_cost_is_known(
    calls: int, priced: int, *, changed_hands: bool, error: MomentumError | None, known: bool
) -> None:
    usage = ModelUsage(model="m", calls=calls, priced_calls=priced, cost_dollars=0.01)
    assert is_cost_known(usage, changed_hands=changed_hands, error=error) is known
