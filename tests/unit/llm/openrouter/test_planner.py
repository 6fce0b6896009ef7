"""Planning that goes on from what an earlier planning came to."""

import random
from itertools import chain, groupby

import pytest

from src.domain.errors import ModelError
from src.domain.generation import PlannedPart
from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest
from src.domain.plan_rules import outline_violations, same_text_key
from src.llm import Planner
from src.llm.offline.planner import OfflinePlanner
from src.llm.openrouter.planner import OpenRouterPlanner
from tests.support.plans import week_violations
from tests.support.standin import OpenRouterStandIn

REQUEST = PlanRequest(
    goal="Learn Python for data science", duration_weeks=3, daily_hours=2, level="intermediate"
)
PARTS = 1 + 3 * 8
"""The outline, and each week with its seven days."""


@pytest.fixture(params=["offline", "openrouter"])
def planner(request: pytest.FixtureRequest, model_planner: OpenRouterPlanner) -> Planner:
    return OfflinePlanner() if request.param == "offline" else model_planner


@pytest.mark.long(2)
async def parts_from(
    planner: Planner, known: list[PlannedPart] | None = None, request: PlanRequest = REQUEST
) -> list[PlannedPart]:
    """Return what the planner adds to what is known."""
    return [
        part
        async for part in planner.plan(request, known or [])
        if not isinstance(part, ModelUsage)
    ]


def identity(part: PlannedPart) -> tuple[int, int]:
    """Return what part of a plan this is: its week and its day, 0 for the whole."""
    if isinstance(part, DayReady):
        return part.week_number, part.day.day_number
    return (part.week_number, 0) if isinstance(part, PlannedWeek) else (0, 0)


def assert_one_plan(parts: list[PlannedPart], request: PlanRequest = REQUEST) -> None:
    """Assert that parts, of however many plannings, are one valid plan, each of them once."""
    (outline,) = (part for part in parts if isinstance(part, Outline))
    weeks = sorted(
        (part for part in parts if isinstance(part, PlannedWeek)), key=lambda week: week.week_number
    )
    numbers = [(week.week_number, day) for week in weeks for day in range(8)]
    assert sorted(map(identity, parts)) == [(0, 0), *numbers]
    assert outline_violations(outline, request) == []
    assert [week.goal for week in weeks] == [week.goal for week in outline.weeks]
    taken: set[str] = set()
    for week in weeks:
        assert week_violations(week, week.week_number, request, frozenset(taken)) == []
        taken |= {same_text_key(task.text) for day in week.days for task in day.tasks}
    days = {identity(part): part for part in parts if isinstance(part, DayReady)}
    for week in weeks:
        for day in week.days:
            emitted = days[week.week_number, day.day_number]
            assert (emitted.day, emitted.weekly_goal) == (day, week.goal)


async def test_every_beginning_is_completed(planner: Planner, standin: OpenRouterStandIn) -> None:
    """After any first parts of a plan come exactly the others, each once, and all fit together.

    The outline and each day are asked for only where they are missing.
    """
    whole = await parts_from(planner)
    # Every third, which meets each day of a week in one week or another.
    for length in range(0, PARTS + 1, 3):
        known = whole[:length]
        standin.calls.reset()
        rest = await parts_from(planner, known)
        assert len(rest) == PARTS - length, length
        assert_one_plan(known + rest)
        if isinstance(planner, OpenRouterPlanner):
            assert_only_missing_parts_were_asked_for(standin, known)


def assert_only_missing_parts_were_asked_for(
    standin: OpenRouterStandIn, known: list[PlannedPart]
) -> None:
    calls = standin.calls.all()
    has_outline = any(isinstance(part, Outline) for part in known)
    assert sum(call.kind == "outline" for call in calls) == (not has_outline)
    asked = [
        (call.week_number, day)
        for call in calls
        if call.kind == "week"
        for day in call.facts["days"]
    ]
    days = {identity(part) for part in known if isinstance(part, DayReady)}
    every = {(week, day) for week in range(1, 4) for day in range(1, 8)}
    assert sorted(asked) == sorted(every - days)


@pytest.mark.long(1)
@pytest.mark.parametrize("seed", range(8))
async def test_any_order_of_parts_is_completed(planner: Planner, seed: int) -> None:
    """Weeks are planned side by side, so days of many may be known, and even before the outline."""
    dice = random.Random(seed)
    whole = await parts_from(planner)
    weeks = [list(group) for _, group in groupby(sorted(whole, key=_week), key=_week)]
    order = [week for week, parts in enumerate(weeks) for _ in parts]
    dice.shuffle(order)
    # A week comes after its days, whatever else comes between them.
    queues = [iter(sorted(parts, key=lambda p: isinstance(p, PlannedWeek))) for parts in weeks]
    known = [next(queues[week]) for week in order][: dice.randrange(1, PARTS)]
    rest = await parts_from(planner, known)
    assert len(rest) == PARTS - len(known)
    assert_one_plan(known + rest)


def _week(part: PlannedPart) -> int:
    return identity(part)[0]


async def test_offline_plan_is_the_same_however_often_it_is_resumed() -> None:
    """Since nothing in it is left to chance, the rest is that of the first planning."""
    planner = OfflinePlanner()
    whole = await parts_from(planner)
    for length in range(PARTS):
        assert await parts_from(planner, whole[:length]) == whole[length:]


async def test_finished_plan_asks_nothing(
    model_planner: OpenRouterPlanner, standin: OpenRouterStandIn
) -> None:
    """Where only the storing was missing, the model is not needed again."""
    known = await parts_from(model_planner)
    standin.calls.reset()
    standin.script.fail_always("status_402")
    assert await parts_from(model_planner, known) == []
    assert standin.calls.all() == []


async def test_goals_of_known_days_stay(model_planner: OpenRouterPlanner) -> None:
    """A day that is known before the outline fixes its week's goal, whatever the new one says."""
    whole = await parts_from(model_planner)
    known: list[PlannedPart] = [
        part.model_copy(update={"weekly_goal": f"An older goal of week {part.week_number}"})
        for part in whole
        if isinstance(part, DayReady) and identity(part) in {(1, 1), (1, 2), (3, 5)}
    ]
    rest = await parts_from(model_planner, known)
    assert_one_plan(known + rest)
    (outline,) = (part for part in rest if isinstance(part, Outline))
    assert [week.goal.startswith("An older goal") for week in outline.weeks] == [True, False, True]


async def test_known_tasks_are_not_repeated(
    model_planner: OpenRouterPlanner, standin: OpenRouterStandIn
) -> None:
    """What the new days say must differ from the days that were bought before, too."""
    whole = await parts_from(model_planner)
    (last,) = (part for part in whole if identity(part) == (3, 7))
    assert isinstance(last, DayReady)
    # The stand-in answers alike whenever it is asked alike: week 3 would say it again.
    known = DayReady(
        week_number=1, weekly_goal="Begin", day=last.day.model_copy(update={"day_number": 1})
    )
    standin.calls.reset()
    rest = await parts_from(model_planner, [known])
    assert any(call.kind == "replace" for call in standin.calls.all())
    weeks = [part for part in rest if isinstance(part, PlannedWeek)]
    days = chain.from_iterable(week.days for week in weeks)
    keys = [same_text_key(task.text) for day in days for task in day.tasks]
    assert len(keys) == len(set(keys))


async def test_failure_after_failure_comes_to_a_plan(
    model_planner: OpenRouterPlanner, standin: OpenRouterStandIn
) -> None:
    """Each attempt goes on where the last one failed, until everything is there once."""
    known: list[PlannedPart] = []

    async def attempt() -> None:
        async for part in model_planner.plan(REQUEST, tuple(known)):
            if not isinstance(part, ModelUsage):
                known.append(part)  # noqa: PERF401  kept also when the next one fails

    standin.script.fail_when("status_402", kind="week", week=3)
    for _ in range(3):
        with pytest.raises(ModelError):
            await attempt()
    standin.reset()
    await attempt()
    assert_one_plan(known)


async def test_usage_is_of_what_was_asked_now(model_planner: OpenRouterPlanner) -> None:
    """A resumed planning reports its own calls; the record adds them to the earlier ones."""
    whole = await parts_from(model_planner)
    missing = [part for part in whole if _week(part) != 2]
    usage = [part async for part in model_planner.plan(REQUEST, missing)][-1]
    assert isinstance(usage, ModelUsage)
    assert (usage.calls, usage.retries) == (2, 0)
