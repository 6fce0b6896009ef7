"""Judges the plans of a planner by rules alone; `make eval-plans` runs it.

    python -m benchmarks.eval_plans [--planner offline|openrouter] [--goals FILE] [--limit N]

It plans for every goal in `plan_checks/goals.toml`, judges each plan by nine checks, compares plans
for different subjects, and injects faults into good plans to see that the checks find them. A check
says its formula, threshold and source in its module in `plan_checks/`.

`--planner openrouter` plans through the model that the environment names. `--goals` takes a file
with one goal a line instead; each gets another length, level and hours, and counts as known where
it contains a name of a curriculum. `--limit` takes that many goals, spread over the kinds.
"""

import argparse
import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from itertools import chain, cycle, islice
from pathlib import Path
from typing import get_args

from benchmarks.plan_checks.checks import CHECKS
from benchmarks.plan_checks.faults import catch_faults
from benchmarks.plan_checks.plans import Goal, Plan, make_plan, read_goals
from benchmarks.plan_checks.repetition import pairs, shared_tasks, stamps_of
from benchmarks.plan_checks.report import (
    Judged,
    print_catches,
    print_figures,
    print_groups,
    print_pairs,
    shortfalls,
)
from benchmarks.plan_checks.topics import subjects_in
from src.domain.vocabulary import Level
from src.llm import Planner, open_models
from src.llm.offline.planner import OfflinePlanner
from src.settings import Settings
from tests.support.good_plans import good_plans
from tests.support.verdict import conclude

PROCESSES = 2
MODEL_PLANS_AT_ONCE = 4
SHAPES: tuple[tuple[int, float], ...] = ((4, 1), (12, 0.5), (1, 2), (52, 1.5), (4, 8), (12, 4))
GOOD_PLANS = 12
"""How many of the run's own good plans get faults, beside those of `good_plans`."""

MOST_WEEKS_OF_GOOD_PLANS = 4

OpenPlanner = Callable[[], Planner]


def judge(plan: Plan) -> Judged:
    """Judge a plan by every check that concerns it."""
    verdicts = {name: check.judge(plan) for name, check in CHECKS.items() if check.concerns(plan)}
    return Judged(plan.goal, verdicts, stamps_of(plan))


def plan_offline(open_planner: OpenPlanner, goal: Goal) -> Plan:
    """Plan for a goal in this process."""
    logging.disable(logging.CRITICAL)
    return asyncio.run(make_plan(open_planner(), goal))


def plan_and_judge(open_planner: OpenPlanner, goal: Goal) -> Judged:
    """Plan for a goal in this process, and judge the plan."""
    return judge(plan_offline(open_planner, goal))


def judge_offline(pool: Executor, goals: Sequence[Goal], open_planner: OpenPlanner) -> list[Judged]:
    """Plan and judge on all cores, the long plans first."""
    by_length = sorted(goals, key=lambda goal: -goal.weeks)
    judged = pool.map(partial(plan_and_judge, open_planner), by_length)
    by_goal = dict(zip(by_length, judged, strict=True))
    return [by_goal[goal] for goal in goals]


async def plan_through_model(goals: Sequence[Goal]) -> list[Plan]:
    """Plan through the configured model, a few goals at a time."""
    planner, assistant = open_models(Settings())
    if planner.name == "offline":
        raise SystemExit("OPENAI_API_KEY is not set, so there is no model to plan through.")
    slots = asyncio.Semaphore(MODEL_PLANS_AT_ONCE)

    async def plan(goal: Goal) -> Plan:
        async with slots:
            return await make_plan(planner, goal)

    try:
        return list(await asyncio.gather(*map(plan, goals)))
    finally:
        await planner.close()
        await assistant.close()


def read_lines(path: Path) -> tuple[Goal, ...]:
    """Return a goal for each line of a file, each with another length, level and hours."""
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    levels: tuple[Level, ...] = get_args(Level)
    return tuple(
        Goal("given", line, subjects_in(line), weeks, hours, level)
        for line, (weeks, hours), level in zip(lines, cycle(SHAPES), cycle(levels), strict=False)
    )


def spread(goals: Sequence[Goal], limit: int | None) -> tuple[Goal, ...]:
    """Return at most `limit` goals from all over the list; all without a limit."""
    step = max(1, len(goals) // limit) if limit else 1
    return tuple(islice(goals[::step], limit))


def good_goals(judged: Iterable[Judged]) -> list[Goal]:
    """Return goals of which the plans pass everything and are short enough to judge often."""
    good = (
        one.goal
        for one in judged
        if one.goal.is_known
        and one.goal.weeks <= MOST_WEEKS_OF_GOOD_PLANS
        and all(verdict.passed for verdict in one.verdicts.values())
    )
    return list(islice(good, GOOD_PLANS))


def evaluate(goals: Sequence[Goal], open_planner: OpenPlanner | None) -> int:
    """Print the tables and the verdict; without an `open_planner`, plan through the model."""
    started = time.monotonic()
    plans: dict[Goal, Plan] = {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        if open_planner:
            judged = judge_offline(pool, goals, open_planner)
            good = [plan_offline(open_planner, goal) for goal in good_goals(judged)]
        else:
            plans = {plan.goal: plan for plan in asyncio.run(plan_through_model(goals))}
            judged = list(pool.map(judge, plans.values()))
            good = [plans[goal] for goal in good_goals(judged)]
        catches = pool.map(catch_faults, [*good_plans(), *good])
        print_groups(judged)
        print_figures(judged)
        faults = shortfalls(judged)
        faults += print_pairs(
            (one.goal, other.goal, shared_tasks(one, other))
            for one, other in pairs([one.stamps for one in judged])
        )
        print(f"{len(good)} plans of this run and {len(good_plans())} others get faults")
        faults += print_catches(chain.from_iterable(catches))
    print(f"{len(judged)} goals in {time.monotonic() - started:.0f} s")
    return conclude(faults)


def main() -> int:
    """Judge a planner as the command line says; the exit status is the verdict."""
    parser = argparse.ArgumentParser(description="Judge plans by rules alone.")
    parser.add_argument("--planner", choices=("offline", "openrouter"), default="offline")
    parser.add_argument("--goals", type=Path, help="a file with one goal a line")
    parser.add_argument("--limit", type=int, help="how many goals to plan for")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    goals = spread(read_lines(options.goals) if options.goals else read_goals(), options.limit)
    return evaluate(goals, OfflinePlanner if options.planner == "offline" else None)


if __name__ == "__main__":
    raise SystemExit(main())
