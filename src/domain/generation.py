"""The record of a generation: the saga's log, the idempotency record and the ledger in one.

begin ──► running, leased to a process ◄─────────────┐
           │      │      │  └── record_progress ─────┘
 the lease │      │      │ add_roadmap: published and finished in one step
 expires,  │      │      └───────────────────────────────► succeeded
 or is     │      │ fail (the model), cancel (the learner)
 released  │      └──────────────────────────────────────► failed, cancelled
           ▼
          running, nobody's ── claimed by a sweep or a retry ──► running again
                  └─────────── MOST_RESUMPTIONS in vain ───────► failed: abandoned
"""

import hashlib
import json
from typing import Annotated, TypeAlias
from uuid import UUID, uuid4

from pydantic import Field

from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest
from src.domain.quotas import Asker
from src.domain.roadmap import GenerationFigures, Roadmap, SavedRoadmap
from src.domain.vocabulary import UtcTime, Value

MOST_RESUMPTIONS = 10
"""How often in a row a generation is taken over without a single part being added to it."""

PlannedPart: TypeAlias = Outline | DayReady | PlannedWeek
"""What a plan consists of, in the order in which it came about."""

PART_KINDS: dict[str, type[PlannedPart]] = {
    "outline": Outline,
    "day": DayReady,
    "week": PlannedWeek,
}
"""The names of the parts, in the record and in event streams."""


def kind_of(part: PlannedPart) -> str:
    """Return a part's name."""
    return next(kind for kind, cls in PART_KINDS.items() if isinstance(part, cls))


class Lease(Value):
    """The right to work on a generation, for so many seconds from each sign of life on.

    Its id is new each time that the right changes hands, so that who held it before can write
    nothing more, however late.
    """

    lease_id: UUID = Field(default_factory=uuid4)
    seconds: float


class NewGeneration(Value):
    """A learner's wish that a roadmap be made. The id is the asker's own choice."""

    generation_id: UUID = Field(default_factory=uuid4)
    asker: Asker
    request: PlanRequest
    idempotency_key: str | None = None
    reserved_dollars: float = 0
    """What it is counted with until its cost is known."""

    @property
    def fingerprint(self) -> str:
        """What two requests share that ask for the same: 64 hexadecimal digits."""
        wish = json.dumps(self.request.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(wish.encode()).hexdigest()


class Progress(Value):
    """What a generation has come to since its last sign of life.

    `parts` are new, counted on from `first_number`; `usage` is of the whole generation.
    """

    parts: tuple[PlannedPart, ...] = ()
    first_number: int
    weeks_done: int
    usage: ModelUsage
    first_day_seconds: float | None = None


class GenerationRecord(ModelUsage):
    """What is known of a generation.

    `finished_at` is None while it runs; then either `roadmap` or `problem` tells how it ended,
    `problem` by an error's class name. `request` and `roadmap` are forgotten after a day.
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
    roadmap: Roadmap | None
    problem: str | None
    first_day_seconds: float | None

    @property
    def saved(self) -> SavedRoadmap | None:
        """The roadmap with what it took; None where there is none."""
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
        """What the model was asked so far."""
        return ModelUsage(**{name: getattr(self, name) for name in ModelUsage.model_fields})


class Swept(Value):
    """What a sweep found: unpublished roadmaps that it deleted, generations that it gave up."""

    roadmaps: Annotated[int, Field(ge=0)]
    generations: Annotated[int, Field(ge=0)]
