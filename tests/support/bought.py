"""What was bought of the model, and what of it twice: the stand-in's calls beside what was kept."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from src.models import DAYS_PER_WEEK
from tests.support.data_plane import Database

OUTLINE = 0
"""The outline's place among the weeks."""

GENERATIONS = """
select g.generation_id, g.request ->> 'goal', extract(epoch from g.started_at),
    extract(epoch from g.finished_at)
from generations as g order by g.started_at
"""
KEPT = """
select generation_id, coalesce((part ->> 'week_number')::int, 0),
    extract(epoch from min(created_at))
from generation_events where kind in ('outline', 'week') group by 1, 2
"""

LATE = 1.0
"""Seconds that a dead worker's request may lie in a socket before the stand-in takes it."""


@dataclass(frozen=True)
class Records:
    """What the database holds. Times are seconds of the epoch."""

    generations: Sequence[tuple[Any, ...]]
    """Id, goal, start, and end or None, in the order of the starts."""
    kept: Sequence[tuple[Any, ...]]
    """A generation's id, a week or `OUTLINE`, and since when it is kept."""

    @classmethod
    def read(cls, database: Database) -> "Records":
        return cls(database.query(GENERATIONS), database.query(KEPT))


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
        ours = self.model_ports is None or call.port in self.model_ports
        return ours and self.born <= call.started_at <= self.until + LATE


@dataclass(frozen=True)
class _Call:
    started_at: float
    port: int
    week: int
    days: tuple[int, ...]


@dataclass
class Bought:
    """Counts of calls. A call is one for an outline, or for days of one week."""

    calls: int = 0
    repeated: int = 0
    """Calls for something that the same generation had asked for before."""
    in_flight: int = 0
    """Calls under way, or answered and not yet kept, when something interrupted them."""
    of_the_living: int = 0
    """Repeated calls of which the one before was not in flight at any interruption.

    Its worker was too slow to renew its lease, and another one took over.
    """
    kept_already: int = 0
    """Calls for days of a week that the record held when the call began."""
    interruptions: int = 0
    """Interruptions that found a call in flight."""
    begun_anew: int = 0
    """Generations of a wish that had one before, which failed."""


@dataclass
class _Generation:
    started_at: float
    finished_at: float
    kept_at: dict[int, float]
    calls: list[_Call]

    def loses(self, call: _Call, interruption: Interruption) -> bool:
        return (
            interruption.touches(call)
            and self.finished_at > interruption.at
            and self.kept_at.get(call.week, math.inf) > interruption.at
        )


_Asked: TypeAlias = dict[tuple[int, int], _Call]


def account(
    records: Records, summaries: Sequence[dict[str, Any]], interruptions: Sequence[Interruption]
) -> Bought:
    """Compare the stand-in's calls with the record of the generations."""
    bought = Bought(calls=len(summaries))
    found: set[int] = set()
    for generations in _by_goal(records, summaries).values():
        bought.begun_anew += len(generations) - 1
        for generation in generations:
            asked: _Asked = {}
            for call in generation.calls:
                _judge(bought, generation, asked, call, interruptions)
                for number, interruption in enumerate(interruptions):
                    if generation.loses(call, interruption):
                        bought.in_flight += 1
                        found.add(number)
    bought.interruptions = len(found)
    return bought


def _judge(
    bought: Bought,
    generation: _Generation,
    asked: _Asked,
    call: _Call,
    interruptions: Sequence[Interruption],
) -> None:
    bought.kept_already += generation.kept_at.get(call.week, math.inf) < call.started_at
    before = [asked[call.week, day] for day in call.days if (call.week, day) in asked]
    if before:
        bought.repeated += 1
        latest = max(before, key=lambda earlier: earlier.started_at)
        bought.of_the_living += not any(generation.loses(latest, each) for each in interruptions)
    asked.update({(call.week, day): call for day in call.days})


def _by_goal(records: Records, summaries: Sequence[dict[str, Any]]) -> dict[str, list[_Generation]]:
    """Return each goal's generations, oldest first, with the calls that were made for each."""
    kept: defaultdict[Any, dict[int, float]] = defaultdict(dict)
    for generation_id, week, moment in records.kept:
        kept[generation_id][week] = float(moment)
    by_goal: defaultdict[str, list[_Generation]] = defaultdict(list)
    for generation_id, goal, started, finished in records.generations:
        end = math.inf if finished is None else float(finished)
        by_goal[goal].append(_Generation(float(started), end, kept[generation_id], []))
    for goal, call in _calls(summaries):
        # Before the first there is nothing that a call could be for.
        [*_, latest] = [
            each for each in by_goal[goal] if each.started_at <= call.started_at
        ] or by_goal[goal][:1]
        latest.calls.append(call)
    return by_goal


def _calls(summaries: Sequence[dict[str, Any]]) -> Iterator[tuple[str, _Call]]:
    for told in sorted(summaries, key=lambda summary: float(summary["started_at"])):
        if told["kind"] == "outline":
            week, days = OUTLINE, (0,)
        else:
            week = told["week_number"]
            days = tuple(told["days"] or range(1, DAYS_PER_WEEK + 1))
        yield told["goal"], _Call(told["started_at"], told["client_port"], week, days)
