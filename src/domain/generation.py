"""The record of a generation: the saga's log, the idempotency record and the ledger in one.

begin ──► running, leased to a process ◄─────────────┐
           │      │      │  └── record_progress ─────┘
 the lease │      │      │ add_roadmap: published and finished in one step
 expires,  │      │      └───────────────────────────────► succeeded
 or is     │      │ fail (the model), cancel (the learner)
 released  │      └──────────────────────────────────────► failed, cancelled
           ▼
          running, without a worker ── claimed by a sweep or a retry ──► running again
                  └─────────── MAX_RESUMPTIONS without progress ──────► failed: abandoned

Repeated requests meet a generation instead of beginning another: with an idempotency key while it
runs and until a day after it began (a failure frees the key), without one while an identical
request of the same user runs.
"""

import hashlib
import json
from typing import Annotated, Literal, TypeAlias
from uuid import UUID, uuid4

from pydantic import Field

from src.domain.errors import GenerationCancelledError, MomentumError, error_from_code
from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest
from src.domain.quotas import DAY_SECONDS, Requester
from src.domain.roadmap import GenerationFigures, Roadmap, SavedRoadmap
from src.domain.vocabulary import UtcTime, Value

MAX_RESUMPTIONS = 10
"""How often in a row a generation may be taken over without a single new part."""

KEY_RETENTION_SECONDS = DAY_SECONDS
"""How long, from its beginning, a generation that has ended is met under its idempotency key."""

ANSWER_RETENTION_SECONDS = DAY_SECONDS
"""How long after its end a generation's request and answer are kept."""

GenerationState = Literal["running", "succeeded", "failed", "cancelled"]

PlannedPart: TypeAlias = Outline | DayReady | PlannedWeek
"""What a plan consists of, in the order in which it came about."""

PART_KINDS: dict[str, type[PlannedPart]] = {
    "outline": Outline,
    "day": DayReady,
    "week": PlannedWeek,
}
"""The names of the parts, in the record and in event streams."""


def part_kind(part: PlannedPart) -> str:
    """Return a part's name."""
    return next(kind for kind, cls in PART_KINDS.items() if isinstance(part, cls))


class Lease(Value):
    """The right to work on a generation, for so many seconds after each renewal.

    Its id is new each time that another process takes over, so that late writes of the previous
    holder change nothing.
    """

    lease_id: UUID = Field(default_factory=uuid4)
    seconds: float


class NewGeneration(Value):
    """A generation that is about to begin. The caller chooses its id."""

    generation_id: UUID = Field(default_factory=uuid4)
    requester: Requester
    request: PlanRequest
    idempotency_key: str | None = None
    reserved_dollars: float = 0
    """What it counts for in the budget until its cost is known."""

    @property
    def fingerprint(self) -> str:
        """What two identical requests share: 64 hexadecimal digits.

        Fields at their default are left out, so that a new optional field changes no fingerprint
        that is on record.
        """
        request = self.request.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


class ProgressReport(Value):
    """What a generation has added since its last report.

    `parts` are new, numbered from `first_number`; `usage` is of the whole generation.
    """

    parts: tuple[PlannedPart, ...] = ()
    first_number: int
    weeks_done: int
    usage: ModelUsage
    first_day_seconds: float | None = None


class GenerationRecord(ModelUsage):
    """What is known of a generation.

    `finished_at` is None while it runs; afterwards either `roadmap` or `problem` says how it ended,
    `problem` by an error's code. `request` and `roadmap` are deleted after a day.
    `changed_hands` says whether another process has ever taken it over.
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
    lease_id: UUID
    changed_hands: bool
    roadmap: Roadmap | None
    problem: str | None
    first_day_seconds: float | None

    @property
    def saved_roadmap(self) -> SavedRoadmap | None:
        """The roadmap and what it took to make it; None where there is none."""
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
        """What the model has been asked so far."""
        return ModelUsage(**{name: getattr(self, name) for name in ModelUsage.model_fields})

    @property
    def error(self) -> MomentumError | None:
        """The error that ended it; None while it runs and after a success."""
        return error_from_code(self.problem, self.generation_id) if self.problem else None

    @property
    def state(self) -> GenerationState:
        """Whether it runs, or how it ended."""
        if self.finished_at is None:
            return "running"
        if self.problem is None:
            return "succeeded"
        return "cancelled" if isinstance(self.error, GenerationCancelledError) else "failed"


class Failure(Value):
    """How a generation ended without a roadmap: an error's code, and whether its cost is known."""

    problem: str
    cost_known: bool = False


def is_cost_known(usage: ModelUsage, *, changed_hands: bool, error: MomentumError | None) -> bool:
    """Return whether `usage` is all that a generation, ended by `error` or a success, has cost.

    A generation without any call has cost nothing, unless one was cut off before it was counted.
    After a failure, or once another process has taken over, a call may have been under way whose
    cost nobody reported. What is not known counts with its reservation.
    """
    if usage.calls == 0 and not changed_hands:
        return error is None or not error.keeps_reservation
    return error is None and not changed_hands and usage.priced_calls >= usage.calls


class SweepResult(Value):
    """What a sweep found: unpublished roadmaps that it deleted, generations that it gave up."""

    roadmaps: Annotated[int, Field(ge=0)]
    generations: Annotated[int, Field(ge=0)]
