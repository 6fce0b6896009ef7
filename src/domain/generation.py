"""The record of a generation: saga log, idempotency record and ledger entry in one.

begin ──► running, leased to a process ◄─────────────┐
           │   │  │      │  └── record_progress ─────┘
 the lease │   │  │      │ add_roadmap: publishes and finishes in one step
 expires,  │   │  │      └───────────────────────────────► succeeded
 or is     │   │  │ fail (the model), cancel (the learner)
 released  │   │  └──────────────────────────────────────► failed, cancelled
           │   │ postpone: the model's provider asks for a pause
           │   └──► waiting, leased to nobody until resume_at
           │         ├─ claimed after that by a sweep or a retry ──► running again
           │         ├─ cancel ────────────────────────────────────► cancelled
           │         └─ MAX_WAITING_SECONDS after it began ────────► failed: model unavailable
           ▼
          running, without a worker ── claimed by a sweep or a retry ──► running again
                  └─────────── MAX_RESUMPTIONS without progress ───────► failed: abandoned

A repeated request joins the existing generation instead of beginning another. With an idempotency
key, it does so while the generation runs or waits and until 24 hours after it began; a failure
frees the key. Without a key, it does so while an identical request of the same user runs or waits.

A waiting generation is unfinished: it keeps its reservation in the budget and counts among those
that its user may have at once, since it continues without another request. It occupies no place in
any process, and the pause is no resumption.
"""

import hashlib
import json
import time
from typing import Annotated, Literal, TypeAlias
from uuid import UUID, uuid4

from pydantic import Field

from src.domain.errors import (
    GenerationCancelledError,
    GenerationNotFoundError,
    GenerationWaitingError,
    MomentumError,
    error_from_code,
)
from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest
from src.domain.quotas import DAY_SECONDS, Requester
from src.domain.roadmap import GenerationFigures, Roadmap, SavedRoadmap
from src.domain.vocabulary import UtcTime, Value

MAX_RESUMPTIONS = 10
"""How many times in a row a generation may be taken over without a new part."""

MAX_WAITING_SECONDS = DAY_SECONDS
"""How long after its start a generation may still wait for the model's provider."""

GenerationState = Literal["running", "waiting", "succeeded", "failed", "cancelled"]

PlannedPart: TypeAlias = Outline | DayReady | PlannedWeek
"""What a planner produces, piece by piece."""

PART_KINDS: dict[str, type[PlannedPart]] = {
    "outline": Outline,
    "day": DayReady,
    "week": PlannedWeek,
}
"""The names of the parts in the record and in event streams."""


def part_kind(part: PlannedPart) -> str:
    """Return the name of a part's kind."""
    return next(kind for kind, cls in PART_KINDS.items() if isinstance(part, cls))


class Lease(Value):
    """The right to work on a generation, for `seconds` after each renewal.

    Every takeover uses a new id, so late writes of the previous holder change nothing.
    """

    lease_id: UUID = Field(default_factory=uuid4)
    seconds: float
    requested_at: float = Field(default_factory=time.monotonic)
    """In seconds of this process's monotonic clock; the lease begins at some time after it."""


class NewGeneration(Value):
    """A generation to begin. The caller chooses its id."""

    generation_id: UUID = Field(default_factory=uuid4)
    requester: Requester
    request: PlanRequest
    idempotency_key: str | None = None
    reserved_dollars: float = 0
    """What it counts towards the budget until its cost is known."""

    @property
    def fingerprint(self) -> str:
        """A hash of the request, as 64 hexadecimal digits.

        Fields at their default are left out: a new optional field changes no stored fingerprint.
        """
        request = self.request.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


class ProgressReport(Value):
    """What a generation has added since its last report.

    `parts` are the new ones, numbered from `first_number`; `usage` covers the whole generation.
    """

    parts: tuple[PlannedPart, ...] = ()
    first_number: int
    weeks_done: int
    usage: ModelUsage
    first_day_seconds: float | None = None


class GenerationRecord(ModelUsage):
    """What the store knows about a generation.

    `finished_at` is None while it runs or waits. Afterwards, either `roadmap` or `problem`, an
    error's code, says how it ended. `request` and `roadmap` are deleted after a day. `end_number`
    is the number of its last event, its end; None before that, and if an older release ended it.
    `changed_hands` says whether it has ever been taken over. While it waits, `resume_at` is the
    time at which it can continue; while it runs, it is None.
    """

    generation_id: UUID
    user_id: UUID
    fingerprint: str
    idempotency_key: str | None
    request: PlanRequest | None
    weeks_total: int
    weeks_done: int
    started_at: UtcTime
    finished_at: UtcTime | None
    end_number: int | None
    lease_id: UUID
    changed_hands: bool
    resume_at: UtcTime | None
    roadmap: Roadmap | None
    problem: str | None
    first_day_seconds: float | None

    @property
    def saved_roadmap(self) -> SavedRoadmap | None:
        """The roadmap and what its generation used; None if there is no roadmap."""
        if self.roadmap is None or self.finished_at is None:
            return None
        figures = GenerationFigures(
            **self.usage.model_dump(),
            first_day_seconds=self.first_day_seconds or 0,
            total_seconds=round((self.finished_at - self.started_at).total_seconds(), 3),
        )
        return SavedRoadmap(**dict(self.roadmap), generation=figures)

    @property
    def usage(self) -> ModelUsage:
        """How much it has used the model so far."""
        return ModelUsage(**{name: getattr(self, name) for name in ModelUsage.model_fields})

    @property
    def error(self) -> MomentumError | None:
        """The error that ended it; None before its end or if it succeeded."""
        return error_from_code(self.problem, self.generation_id) if self.problem else None

    @property
    def waiting_error(self) -> GenerationWaitingError | None:
        """What a client gets while it waits; None if it does not."""
        if self.state != "waiting":
            return None
        return GenerationWaitingError(self.generation_id, self.resume_at)

    @property
    def outcome(self) -> SavedRoadmap | MomentumError:
        """How it ended, or that it waits; its roadmap stays on record for a day."""
        return self.waiting_error or self.error or self.saved_roadmap or GenerationNotFoundError()

    @property
    def state(self) -> GenerationState:
        """Whether it runs or waits, or how it ended."""
        if self.finished_at is None:
            return "running" if self.resume_at is None else "waiting"
        if self.problem is None:
            return "succeeded"
        return "cancelled" if isinstance(self.error, GenerationCancelledError) else "failed"


class StoredPart(Value):
    """A part of a plan, and the number that it has as an event."""

    number: int
    part: PlannedPart


GenerationEvent: TypeAlias = PlannedPart | SavedRoadmap | MomentumError
"""A part, or how the generation ended: the saved roadmap, or the error."""

NumberedEvent: TypeAlias = tuple[int, GenerationEvent]
"""An event and its number in the store, which is the same for everybody who reads it."""


def is_end(event: GenerationEvent) -> bool:
    """Return whether an event is a generation's last one."""
    return isinstance(event, SavedRoadmap | MomentumError)


class GenerationSnapshot(Value):
    """A generation and its parts after some number, as the store had them at one moment.

    `last_number` is that of the last stored part, 0 without any.
    """

    record: GenerationRecord
    parts: tuple[StoredPart, ...]
    last_number: int

    @property
    def is_gone(self) -> bool:
        """Whether its events were deleted, with its roadmap or a day after its end."""
        if self.record.finished_at is None:
            return False
        if isinstance(self.record.outcome, GenerationNotFoundError):
            return True
        if self.record.end_number is None:
            return self.record.problem is None and self.last_number == 0
        return self.last_number < self.record.end_number - 1

    @property
    def end_number(self) -> int | None:
        """The number of its end; None before that.

        Releases before 0.2 did not store it. It follows the last part.
        """
        if self.record.finished_at is None:
            return None
        return self.record.end_number or self.last_number + 1

    def events(self, after: int) -> list[NumberedEvent]:
        """Return its events with larger numbers than `after`, its end included."""
        events: list[NumberedEvent] = [
            (stored.number, stored.part) for stored in self.parts if stored.number > after
        ]
        if self.end_number is not None and self.end_number > after:
            events.append((self.end_number, self.record.outcome))
        return events


class Failure(Value):
    """Why a generation ended without a roadmap (an error's code), and whether its cost is known."""

    problem: str
    cost_known: bool = False


def is_cost_known(usage: ModelUsage, *, changed_hands: bool, error: MomentumError | None) -> bool:
    """Return whether `usage` holds the whole cost of a generation that has ended.

    `error` ended it, or it succeeded if that is None. A generation without calls has cost nothing,
    unless a call was cut off before it was counted. After a failure or a takeover, a call may have
    been in progress whose cost nobody reported. An unknown cost counts as the reservation.
    """
    if usage.calls == 0 and not changed_hands:
        return error is None or not error.keeps_reservation
    return error is None and not changed_hands and usage.priced_calls >= usage.calls


class SweepResult(Value):
    """How many unpublished roadmaps a sweep deleted, and how many generations it gave up."""

    roadmaps: Annotated[int, Field(ge=0)]
    generations: Annotated[int, Field(ge=0)]
