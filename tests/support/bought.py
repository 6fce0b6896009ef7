"""What was bought of the model, and what of it twice: the stand-in's calls beside what was kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from src.domain.vocabulary import DAYS_PER_WEEK
from tests.support.data_plane import Database
from tests.support.standin.calls import Call

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
create table chaos.parts (like public.generation_events);
create function chaos.note_part() returns trigger language plpgsql security definer as $$
begin
    insert into chaos.parts values (new.*);
    return null;
end $$;
create trigger note_part after insert on public.generation_events
for each row execute function chaos.note_part();
"""
GENERATIONS = """
select request ->> 'goal', extract(epoch from started_at)::float8,
    coalesce(extract(epoch from finished_at)::float8, 'infinity'),
    array(
        select array[
            coalesce((part ->> 'week_number')::int, 0), coalesce(day::int, 0),
            extract(epoch from min(created_at))
        ]::float8[]
        from chaos.parts as e
        left join jsonb_path_query(part, '$.**.day_number') as day on true
        where e.generation_id = g.generation_id group by part ->> 'week_number', day
    ),
    array(
        select extract(epoch from happened_at)::float8 from chaos.handovers as h
        where h.generation_id = g.generation_id
    )
from generations as g order by started_at
"""

LATE = 1.0
"""Seconds that a dead worker's request may lie in a socket before the stand-in takes it."""


@dataclass(frozen=True)
class Interruption:
    """What may lose a call: a worker's death, or a time without a database. Seconds of the epoch.

    With `model_ports`, only what was asked from those, since `born`.
    """

    at: float
    until: float
    born: float = 0.0
    model_ports: frozenset[int] | None = None


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

    @property
    def repeated_in_flight(self) -> int:
        """Repeated calls that an interruption has to account for.

        A worker that was stopped goes on beside the next holder, until it learns of the loss.
        """
        return self.repeated - self.of_the_living

    kept_already: int = 0
    """Calls for something that was on record when the generation's lease last changed hands.

    The new holder of the lease has read it there, and the old one has written it.
    """
    interruptions: int = 0
    """Interruptions that found a call in flight."""
    repeated_generations: int = 0
    """Generations for a request whose first generation failed."""


class _Generation:
    """A row of `GENERATIONS`, and the calls that were made for it. Times are of the epoch."""

    def __init__(
        self,
        goal: str,
        started_at: float,
        finished_at: float,
        kept: list[list[float]],
        handovers: list[float],
    ) -> None:
        self.goal, self.started_at, self._finished_at = goal, started_at, finished_at
        self._kept_at = {(int(week), int(day)): at for week, day, at in kept}
        self._handovers = handovers
        self.calls: list[Call] = []

    def kept_at(self, part: Part) -> float:
        return self._kept_at.get(part, math.inf)

    def latest_handover(self, call: Call) -> float:
        """Return when the lease last changed hands before a call."""
        return max((at for at in self._handovers if at < call.started_at), default=-math.inf)

    def loses(self, part: Part, call: Call, to: Interruption) -> bool:
        return (
            (to.model_ports is None or call.client_port in to.model_ports)
            and to.born <= call.started_at <= to.until + LATE
            and self._finished_at > to.at
            and self.kept_at(part) > to.at
        )

    def had_lost(
        self, part: Part, call: Call, handover: float, interruptions: Sequence[Interruption]
    ) -> bool:
        """Whether who got the lease in a handover has to ask again for what a call asked for."""
        return call.started_at < handover + LATE and any(
            each.at < handover and self.loses(part, call, each) for each in interruptions
        )


def note_handovers(database: Database) -> None:
    """Have the database note when leases change hands, and all parts: the product forgets both."""
    database.execute(NOTE_HANDOVERS)


def account(
    database: Database, calls: Sequence[Call], interruptions: Sequence[Interruption]
) -> Bought:
    generations = [_Generation(*row) for row in database.query(GENERATIONS)]
    for call in sorted(calls, key=lambda call: call.started_at):
        # Before the first there is nothing that a call could be for.
        of_goal = [each for each in generations if each.goal == call.facts["goal"]]
        begun = [each for each in of_goal if each.started_at <= call.started_at]
        (begun or of_goal[:1])[-1].calls.append(call)
    goals = {generation.goal for generation in generations}
    bought = Bought(calls=len(calls), repeated_generations=len(generations) - len(goals))
    found: set[Interruption] = set()
    for generation in generations:
        asked: dict[Part, Call] = {}
        for call in generation.calls:
            _judge(bought, generation, asked, call, interruptions)
            lost_by = {
                each
                for each in interruptions
                if any(generation.loses(part, call, each) for part in _parts_of(call))
            }
            bought.in_flight += bool(lost_by)
            found |= lost_by
    bought.interruptions = len(found)
    return bought


def _judge(
    bought: Bought,
    generation: _Generation,
    asked: dict[Part, Call],
    call: Call,
    interruptions: Sequence[Interruption],
) -> None:
    """Say of a call whether it was a repetition, and whether anything excuses it."""
    parts = _parts_of(call)
    before = {part: asked[part] for part in parts if part in asked}
    handover = generation.latest_handover(call)
    bought.repeated += bool(before)
    if any(generation.kept_at(part) < handover for part in parts):
        bought.kept_already += 1
    elif not all(
        generation.had_lost(part, earlier, handover, interruptions)
        for part, earlier in before.items()
    ):
        bought.of_the_living += 1
    asked.update(dict.fromkeys(parts, call))


def _parts_of(call: Call) -> list[Part]:
    if call.kind == "outline":
        return [OUTLINE]
    # Without days: tasks in place of repeated ones, which no good answer makes necessary.
    days = call.facts.get("days") or range(1, DAYS_PER_WEEK + 1)
    return [(call.facts["week"], day) for day in days]
