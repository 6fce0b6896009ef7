"""What a crash run is to do, what happened in it, and which promises were not kept."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from src.llm.openrouter.planner import WEEK_PARTS
from tests.support.bought import Bought
from tests.support.fault_proxy import Moment
from tests.support.followers import Deletions, Followers
from tests.support.keyed_load import KeyedLoad
from tests.support.onlookers import SWEPT_SECONDS, DatabaseLook, Readers
from tests.support.workers import Point

LOST_LEASE = "leaving a generation to others: LeaseLostError"


@dataclass(frozen=True)
class CrashPlan:
    """What is to happen. `pause` is the mean time between two kills, in seconds."""

    random_kills: int
    chosen_kills: int
    postgres_stops: int
    postgrest_kills: int
    worker_stops: int
    learners: int = 8
    pause: float = 0.9
    patience: float = 600.0
    """Seconds after which a kind of kills is given up."""


@dataclass
class CrashReport:
    plan: CrashPlan
    load: KeyedLoad
    readers: Readers
    look: DatabaseLook
    followers: Followers
    deletions: Deletions
    random_kills: int = 0
    worker_stops: int = 0
    """Workers that were stopped beyond their leases, and went on."""
    chosen_kills: Counter[tuple[Point, Moment]] = field(default_factory=Counter)
    postgres_recoveries: list[float] = field(default_factory=list)
    """Seconds from the start of PostgreSQL until the service reads again."""
    postgrest_recoveries: list[float] = field(default_factory=list)
    answers: int = 0
    lost_answers: int = 0
    swept_after: float | None = None
    roadmaps_per_key: Counter[int] = field(default_factory=Counter)
    bought: Bought = field(default_factory=Bought)
    log: str = ""
    seconds: float = 0.0

    def lines(self) -> Iterator[str]:
        load, readers, look, bought = self.load, self.readers, self.look, self.bought
        followers = self.followers
        worst = max([*self.postgres_recoveries, *self.postgrest_recoveries], default=0)
        swept = "never" if self.swept_after is None else f"{self.swept_after:.1f} s"
        cells = ", ".join(
            f"{point} {self.chosen_kills[point, Moment.ANSWERED]}"
            f"+{self.chosen_kills[point, Moment.DELIVERED]}"
            for point in Point
        )
        rows: dict[str, object] = {
            "seconds": f"{self.seconds:.0f}",
            "workers killed at random moments": self.random_kills,
            "workers killed at chosen ones": self.chosen_kills.total(),
            "  before the answer + after it": cells,
            "workers stopped beyond their leases": self.worker_stops,
            "roadmaps deleted at once": self.deletions.done,
            "kills and stops that found calls in flight": bought.interruptions,
            "immediate stops of PostgreSQL": len(self.postgres_recoveries),
            "kills of PostgREST": len(self.postgrest_recoveries),
            "longest recovery after one of those": f"{worst:.1f} s",
            "answers lost on the way back": f"{self.lost_answers} of {self.answers}",
            "keyed requests": len(load.requests),
            "keyed requests resolved": load.resolved,
            "longest wait for a definite answer": f"{load.longest_seconds:.1f} s",
            "roadmaps per key (roadmaps: keys)": dict(self.roadmaps_per_key),
            "checks through the API, in the database": f"{readers.checks}, {look.checks}",
            "generations followed, by two each": len(followers.followed),
            "  who saw all events from 1 to the end": followers.complete,
            "  whose roadmap was deleted before": followers.deleted,
            "  times that they came back": followers.returns,
            "  faults in what they saw": followers.faults.total(),
            "partial roadmaps seen": len(self.partial),
            "roadmaps seen and later gone": len(readers.gone),
            "unpublished rows at once, at most": look.most_unpublished,
            "oldest unpublished row seen": f"{look.oldest_unpublished:.1f} s",
            "nothing unpublished or unfinished after": swept,
            "model calls for outlines and days": bought.calls,
            "  in flight at the kills and stops": bought.in_flight,
            "  repeated": bought.repeated,
            "  repeated for workers that lived": bought.of_the_living,
            "  for days that were kept already": bought.kept_already,
            "leases lost by workers that lived": self.lost_leases,
            "generations repeated after a failure": bought.repeated_generations,
            "tries": _counts(load.statuses),
            "reads without an answer": _counts(readers.unread),
        }
        yield from (f"{name:<46}{value}" for name, value in rows.items())

    def faults(self) -> Iterator[str]:
        """Yield a sentence for each promise that was not kept."""
        plan, bought = self.plan, self.bought
        chosen = self.chosen_kills.total()
        promises = (
            (len(self.partial), 0, "partial roadmaps seen"),
            (len(self.readers.gone), 0, "roadmaps seen and later gone"),
            (len(self.load.requests) - self.load.resolved, 0, "keyed requests not resolved"),
            (bought.kept_already, 0, "calls for days that were kept already"),
            (bought.repeated_in_flight, bought.in_flight, "calls repeated, more than in flight"),
            (bought.of_the_living, self._side_by_side, "calls repeated for workers that lived"),
            (self.log.count("Traceback"), 0, "tracebacks in the log"),
        )
        yield from (f"{count} {name}" for count, most, name in promises if count > most)
        for faults in (self.load.faults, self.followers.faults):
            yield from (f"{count} {name}" for name, count in faults.items() if count)
        for roadmaps, requests in self.roadmaps_per_key.items():
            if roadmaps != 1:
                yield f"{requests} keys with {roadmaps} roadmaps"
        if self.look.oldest_unpublished > SWEPT_SECONDS:
            yield f"rows unpublished for {self.look.oldest_unpublished:.0f} s"
        if self.swept_after is None:
            yield "unpublished rows or unfinished generations 60 s after the last kill"
        done = (
            (self.random_kills, plan.random_kills, "kills at random moments"),
            (chosen, plan.chosen_kills, "kills at chosen moments"),
            (self.worker_stops, plan.worker_stops, "stops of workers"),
            (self.deletions.done, min(plan.worker_stops, 1), "deletions"),
            (len(self.postgres_recoveries), plan.postgres_stops, "stops of PostgreSQL survived"),
            (len(self.postgrest_recoveries), plan.postgrest_kills, "kills of PostgREST survived"),
        )
        yield from (f"only {count} of {all_} {name}" for count, all_, name in done if count < all_)

    @property
    def troubles(self) -> str:
        return "\n".join(line for line in self.log.splitlines() if " INFO " not in line)

    @property
    def lost_leases(self) -> int:
        """How often a living worker found its lease with another one; slow machines bring that."""
        return self.log.count(LOST_LEASE)

    @property
    def _side_by_side(self) -> int:
        """How many calls two at most make twice who each plan one roadmap, per lost lease."""
        weeks = max((request.body["duration_weeks"] for request in self.load.requests), default=0)
        return self.lost_leases * (1 + int(weeks) * len(WEEK_PARTS))

    @property
    def partial(self) -> set[int]:
        return self.readers.partial | self.look.partial


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counter.most_common()) or "none"
