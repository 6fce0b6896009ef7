"""The assistant that works without a model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from src.domain.plan import ModelUsage, PlannedWeek, PlanRequest
from src.domain.roadmap import AssistantAnswer, Roadmap, Task
from src.domain.vocabulary import Level
from src.llm import AssistantContext
from src.llm.offline.assistant import MAX_ANSWER_LENGTH, OfflineAssistant
from src.llm.offline.planner import OfflinePlanner

CREATED = datetime(2025, 3, 1, 12, tzinfo=UTC)
QUESTIONS = ["How am I doing?", "What should I do next?", "progress?", "?", "日本語", "a" * 4_000]


ROADMAP = Roadmap(
    roadmap_id=7,
    user_id=UUID(int=1),
    description="Learn to bake",
    level="beginner",
    duration_weeks=2,
    daily_hours=1,
    is_active=True,
    created_at=CREATED,
)


def task(week: int, day: int, text: str, *, done: bool = False) -> Task:
    return Task(
        id=f"{week}-{day}-{text}",
        roadmap_id=7,
        week_number=week,
        weekly_goal=f"Goal of week {week}",
        day_number=day,
        task_text=text,
        effort="light",
        category="reading",
        completed=done,
        completed_at=CREATED if done else None,
        created_at=CREATED,
    )


SMALL = [
    task(1, 1, "Read about flour", done=True),
    task(1, 1, "Knead a dough", done=True),
    task(1, 2, "Bake a loaf of bread", done=True),
    task(1, 2, "Clean the oven"),
    task(2, 1, "Bake a croissant"),
    task(2, 2, "Compare two croissants"),
]


async def full_roadmap(level: Level, weeks: int) -> list[Task]:
    request = PlanRequest(
        goal="Learn Python " * 100, duration_weeks=weeks, daily_hours=8, level=level
    )
    parts = [part async for part in OfflinePlanner().plan(request)]
    planned = [part for part in parts if isinstance(part, PlannedWeek)]
    return [
        task(week.week_number, day.day_number, one.text).model_copy(
            update={"weekly_goal": week.goal}
        )
        for week in planned
        for day in week.days
        for one in day.tasks
    ]


def nobody(_usage: ModelUsage) -> None:
    raise AssertionError("no model is asked")


async def ask(
    question: str, tasks: Sequence[Task], week: int | None = None, day: int | None = None
) -> str:
    context = AssistantContext(roadmap=ROADMAP, tasks=tasks, week_number=week, day_number=day)
    *pieces, whole = [part async for part in OfflineAssistant().answer(question, context, nobody)]
    assert isinstance(whole, AssistantAnswer)
    assert "".join(map(str, pieces)) == whole.response
    return whole.response


async def test_an_answer_is_bounded_and_says_that_it_is_offline() -> None:
    """Whatever the scope and the size, the answer is short and says how to get a fuller one."""
    for tasks in ([], SMALL, await full_roadmap("advanced", 52)):
        for week, day in ((None, None), (1, None), (None, 2), (1, 2), (2, 7), (52, 7)):
            for question in QUESTIONS:
                answer = await ask(question, tasks, week, day)
                assert 0 < len(answer) <= MAX_ANSWER_LENGTH
                assert "offline" in answer
                assert "OPENAI_API_KEY" in answer


async def test_the_longest_texts_are_cut_but_not_the_offline_note() -> None:
    tasks = [
        task(52, 7, f"{'needle' if number > 15 else 'hay'} {number} " + "x" * 480)
        for number in range(1, 21)
    ]
    long_goal = {"weekly_goal": "y" * 300}
    tasks = [one.model_copy(update=long_goal) for one in tasks]
    answer = await ask("Where is the needle?", tasks, 52, 7)
    assert len(answer) == MAX_ANSWER_LENGTH
    assert answer.endswith("a language model answers questions in full.")


@pytest.mark.parametrize(
    ("week", "day", "counts"),
    [
        (None, None, "Done in the whole roadmap: 3 of 6 tasks (50 %)."),
        (1, None, "Done in week 1: 3 of 4 tasks (75 %)."),
        (None, 1, "Done in day 1 of every week: 2 of 3 tasks (66 %)."),
        (1, 1, "Done in week 1, day 1: 2 of 2 tasks (100 %)."),
    ],
)
async def test_progress_is_counted_within_the_scope(
    week: int | None, day: int | None, counts: str
) -> None:
    """Counts and percent are those of the scope; a day alone means that day of every week."""
    assert counts in await ask("How far am I?", SMALL, week, day)


async def test_a_hundred_percent_means_everything() -> None:
    tasks = [task(1, 1, f"Loaf {n}", done=n > 0) for n in range(1_000)]
    assert "999 of 1000 tasks (99 %)" in await ask("progress", tasks)


NEXT = "Next:\n- Week 1, day 2: Clean the oven\n- Week 2, day 1: Bake a croissant\n"
BEYOND = "All of this is done. Next on the roadmap:\n- Week 1, day 2: Clean"
MATCHES = "Tasks that touch on your question:\n- Week 2, day 1: Bake a croissant\n\n"
OPENINGS: dict[str, tuple[str, int | None, int | None, str]] = {
    "progress": ("What is my progress?", None, None, "Done in the whole roadmap"),
    "open tasks in order": ("What comes next?", None, None, NEXT),
    "open tasks for today": ("What shall I do today?", None, None, NEXT),
    "open tasks for tomorrow": ("And tomorrow", None, None, NEXT),
    "what comes after a finished scope": ("What next?", 1, 1, BEYOND),
    "tasks with words of the question": ("Tips for the CROISSANT?", None, None, MATCHES),
    "an empty scope": ("?", 2, 7, "There are no tasks in week 2, day 7."),
}


@pytest.mark.parametrize(("question", "week", "day", "opening"), OPENINGS.values(), ids=OPENINGS)
async def test_an_answer_begins_with_what_was_asked(
    question: str, week: int | None, day: int | None, opening: str
) -> None:
    assert (await ask(question, SMALL, week, day)).startswith(opening)


@pytest.mark.parametrize(
    ("week", "day", "lines"),
    [
        (1, 2, "Week 1: Goal of week 1\n"),
        (1, 2, "- Week 1, day 2: Bake a loaf of bread (done)\n- Week 1, day 2: Clean the oven"),
        (1, None, "Week 1: Goal of week 1\n- Day 1 (2 of 2 done)"),
        (1, None, "- Day 2 (1 of 2 done)"),
        (2, 7, "Clean the oven"),
    ],
)
async def test_a_scope_is_described(week: int, day: int | None, lines: str) -> None:
    """A day by its tasks, a week by its days, both by the goal; an empty one by what is next."""
    assert lines in await ask("?", SMALL, week, day)


async def test_an_empty_or_a_finished_roadmap_gets_no_next_task() -> None:
    assert (await ask("?", [])).startswith("This roadmap has no tasks yet.")
    answer = await ask("What next?", [task(1, 1, "Bake", done=True)])
    assert answer.startswith("Every task of the roadmap is done.")


async def test_words_in_most_tasks_single_out_none() -> None:
    tasks = [task(1, 1, f"Python lesson {number}") for number in range(40)]
    assert "touch on" not in await ask("Is python hard?", tasks)


async def test_a_long_roadmap_is_described_around_where_the_learner_is() -> None:
    """Of many weeks those around the first open task are shown, and how many are not."""
    tasks = [task(week, 1, f"Loaf {week}", done=week < 30) for week in range(1, 53)]
    answer = await ask("?", tasks)
    assert "- Week 30: Goal of week 30 (0 of 1 done)" in answer
    assert "- Week 5:" not in answer
    assert "- 40 more weeks are not shown here." in answer


async def test_the_same_question_gets_the_same_answer() -> None:
    assert await ask("bread", SMALL) == await ask("bread", SMALL)
    await OfflineAssistant().close()
