"""What was bought of the model, and what of it twice: the stand-in's calls beside what was kept."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from src.domain.vocabulary import DAYS_PER_WEEK
from tests.support.data_plane import Database

Part: TypeAlias = tuple[int, int]
"""A week's number and a day's: what is bought and kept."""

OUTLINE: Part = (0, 0)
"""The outline's place among them."""

NOTE_HANDOVERS = """
create schema chaos;
create table chaos.handovers (
    generation_id uuid, happened_at timestamptz not null default clock_timestamp()
);
create function chaos.note_handover() returns trigger language plpgsql security definer as $$
begin
    insert into chaos.handovers values (new.generation_id);
    return null;
end $$;
create trigger note_handover after update of lease_id on public.generations
for each row when (old.lease_id <> new.lease_id) execute function chaos.note_handover();
"""
GENERATIONS = """
select g.generation_id, g.request ->> 'goal', extract(epoch from g.started_at),
    extract(epoch from g.finished_at)
from generations as g order by g.started_at
"""
KEPT = """
select generation_id, coalesce((part ->> 'week_number')::int, 0), coalesce(day::int, 0),
    extract(epoch from min(created_at))
from generation_events left join jsonb_path_query(part, '$.**.day_number') as day on true
group by 1, 2, 3
"""
HANDOVERS = "select generation_id, extract(epoch from happened_at) from chaos.handovers"

LATE = 1.0
"""Seconds that a dead worker's request may lie in a socket before the stand-in takes it."""


@dataclass(frozen=True)
class Records:
    """What the database holds. Times are seconds of the epoch."""

    generations: Sequence[tuple[Any, ...]]
    """Id, goal, start, and end or None, in the order of the starts."""
    kept: Sequence[tuple[Any, ...]]
    """A generation's id, a week and a day of it or `OUTLINE`, and since when it is kept."""
    handovers: Sequence[tuple[Any, ...]] = ()
    """A generation's id, and when its lease went to another holder."""

    @staticmethod
    def note_handovers(database: Database) -> None:
        """Have the database note from now on when leases change hands: the product forgets it."""
        database.execute(NOTE_HANDOVERS)

    @classmethod
    def read(cls, database: Database) -> "Records":
        return cls(*map(database.query, (GENERATIONS, KEPT, HANDOVERS)))


@dataclass(frozen=True)
class Interruption:
    """What may lose a call: a worker's death, or a time without a database. Seconds of the epoch.

    With `model_ports`, only what was asked from those, since `born`.
    """

    at: float
    until: float
    born: float = 0.0
    model_ports: frozenset[int] | None = None

    def touches(self, call: "_Call") -> bool:
        """Whether the call was made for what is interrupted."""
        ours = self.model_ports is None or call.port in self.model_ports
        return ours and self.born <= call.started_at <= self.until + LATE


@dataclass(frozen=True)
class _Call:
    started_at: float
    port: int
    parts: tuple[Part, ...]


@dataclass
class Bought:
    """Counts of calls. A call is one for an outline, or for days of one week."""

    calls: int = 0
    repeated: int = 0
    """Calls for something that the same generation had asked for before."""
    in_flight: int = 0
    """Calls under way, or answered and not yet kept as a whole, when something interrupted them."""
    of_the_living: int = 0
    """Repeated calls for what no interruption had lost, or had not brought to another holder.

    The stand-in answers well, so there are none unless a lease was lost by a worker that lived:
    two then plan side by side, until the one learns of the other.
    """
    kept_already: int = 0
    """Calls for something that was on record when the generation's lease last changed hands.

    The new holder of the lease has read it there, and the old one has written it.
    """
    interruptions: int = 0
    """Interruptions that found a call in flight."""
    repeated_generations: int = 0
    """Generations for a request whose first generation failed."""


@dataclass
class _Generation:
    started_at: float
    finished_at: float
    kept_at: defaultdict[Part, float]
    handovers: list[float]
    calls: list[_Call]

    def latest_handover(self, call: _Call) -> float:
        """Return when the lease last changed hands before a call."""
        return max((at for at in self.handovers if at < call.started_at), default=-math.inf)

    def loses(self, part: Part, call: _Call, interruption: Interruption) -> bool:
        """Whether a part that a call asked for may never have been kept, for an interruption."""
        return (
            interruption.touches(call)
            and self.finished_at > interruption.at
            and self.kept_at[part] > interruption.at
        )

    def had_lost(
        self, part: Part, call: _Call, handover: float, interruptions: Sequence[Interruption]
    ) -> bool:
        """Whether who got the lease in a handover has to ask again for what a call asked for."""
        return call.started_at < handover + LATE and any(
            each.at < handover and self.loses(part, call, each) for each in interruptions
        )


def account(
    records: Records, summaries: Sequence[dict[str, Any]], interruptions: Sequence[Interruption]
) -> Bought:
    """Compare the stand-in's calls with the record of the generations."""
    bought = Bought(calls=len(summaries))
    found: set[int] = set()
    for generations in _by_goal(records, summaries).values():
        bought.repeated_generations += len(generations) - 1
        for generation in generations:
            asked: dict[Part, _Call] = {}
            for call in generation.calls:
                _judge(bought, generation, asked, call, interruptions)
                lost_by = {
                    number
                    for number, interruption in enumerate(interruptions)
                    if any(generation.loses(part, call, interruption) for part in call.parts)
                }
                bought.in_flight += bool(lost_by)
                found |= lost_by
    bought.interruptions = len(found)
    return bought


def _judge(
    bought: Bought,
    generation: _Generation,
    asked: dict[Part, _Call],
    call: _Call,
    interruptions: Sequence[Interruption],
) -> None:
    """Say of a call whether it was a repetition, and whether anything excuses it."""
    before = {part: asked[part] for part in call.parts if part in asked}
    handover = generation.latest_handover(call)
    bought.repeated += bool(before)
    if any(generation.kept_at[part] < handover for part in call.parts):
        bought.kept_already += 1
    elif not all(
        generation.had_lost(part, earlier, handover, interruptions)
        for part, earlier in before.items()
    ):
        bought.of_the_living += 1
    asked.update(dict.fromkeys(call.parts, call))


def _by_goal(records: Records, summaries: Sequence[dict[str, Any]]) -> dict[str, list[_Generation]]:
    """Return each goal's generations, oldest first, with the calls that were made for each."""
    kept: defaultdict[Any, defaultdict[Part, float]] = defaultdict(
        lambda: defaultdict(lambda: math.inf)
    )
    for generation_id, week, day, moment in records.kept:
        kept[generation_id][week, day] = float(moment)
    handovers: defaultdict[Any, list[float]] = defaultdict(list)
    for generation_id, moment in records.handovers:
        handovers[generation_id].append(float(moment))
    by_goal: defaultdict[str, list[_Generation]] = defaultdict(list)
    for generation_id, goal, started, finished in records.generations:
        end = math.inf if finished is None else float(finished)
        by_goal[goal].append(
            _Generation(float(started), end, kept[generation_id], handovers[generation_id], [])
        )
    for goal, call in _calls(summaries):
        # Before the first there is nothing that a call could be for.
        [*_, latest] = [
            each for each in by_goal[goal] if each.started_at <= call.started_at
        ] or by_goal[goal][:1]
        latest.calls.append(call)
    return by_goal


def _calls(summaries: Sequence[dict[str, Any]]) -> Iterator[tuple[str, _Call]]:
    for summary in sorted(summaries, key=lambda each: float(each["started_at"])):
        if summary["kind"] == "outline":
            parts: tuple[Part, ...] = (OUTLINE,)
        else:
            # Without days: tasks in place of repeated ones, which no good answer makes necessary.
            days = summary["days"] or range(1, DAYS_PER_WEEK + 1)
            parts = tuple((summary["week_number"], day) for day in days)
        yield summary["goal"], _Call(summary["started_at"], summary["client_port"], parts)
