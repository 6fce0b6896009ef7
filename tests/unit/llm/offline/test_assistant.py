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


def context_of(
    tasks: Sequence[Task], week: int | None = None, day: int | None = None
) -> AssistantContext:
    roadmap = Roadmap(
        roadmap_id=7,
        user_id=UUID(int=1),
        description="Learn to bake",
        level="beginner",
        duration_weeks=2,
        daily_hours=1,
        is_active=True,
        created_at=CREATED,
    )
    return AssistantContext(roadmap=roadmap, tasks=tasks, week_number=week, day_number=day)


def small_roadmap() -> list[Task]:
    return [
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


async def ask(question: str, context: AssistantContext) -> str:
    *pieces, whole = [part async for part in OfflineAssistant().answer(question, context, nobody)]
    assert isinstance(whole, AssistantAnswer)
    assert "".join(map(str, pieces)) == whole.response
    return whole.response


async def test_an_answer_is_bounded_and_says_that_it_is_offline() -> None:
    """Whatever the scope and the size, the answer is short and says how to get a fuller one."""
    for tasks in ([], small_roadmap(), await full_roadmap("advanced", 52)):
        for week, day in ((None, None), (1, None), (None, 2), (1, 2), (2, 7), (52, 7)):
            for question in QUESTIONS:
                answer = await ask(question, context_of(tasks, week, day))
                assert 0 < len(answer) <= MAX_ANSWER_LENGTH
                assert "offline" in answer
                assert "OPENAI_API_KEY" in answer


async def test_the_longest_texts_are_cut_but_not_the_offline_note() -> None:
    tasks = [
        task(52, 7, f"{'needle' if number > 15 else 'hay'} {number} " + "x" * 480)
        for number in range(1, 21)
    ]
    long_goal = {"weekly_goal": "y" * 300}
    context = context_of([one.model_copy(update=long_goal) for one in tasks], 52, 7)
    answer = await ask("Where is the needle?", context)
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
    assert counts in await ask("How far am I?", context_of(small_roadmap(), week, day))


async def test_a_hundred_percent_means_everything() -> None:
    tasks = [task(1, 1, f"Loaf {n}", done=n > 0) for n in range(1_000)]
    assert "999 of 1000 tasks (99 %)" in await ask("progress", context_of(tasks))


async def test_a_question_about_progress_is_answered_with_progress_first() -> None:
    answer = await ask("What is my progress?", context_of(small_roadmap()))
    assert answer.startswith("Done in the whole roadmap")


@pytest.mark.parametrize("question", ["What comes next?", "What shall I do today?", "And tomorrow"])
async def test_a_question_about_what_is_next_is_answered_with_open_tasks_first(
    question: str,
) -> None:
    """What comes next are the first open tasks of the scope, in order."""
    answer = await ask(question, context_of(small_roadmap()))
    assert answer.startswith(
        "Next:\n- Week 1, day 2: Clean the oven\n- Week 2, day 1: Bake a croissant\n"
    )


async def test_a_finished_scope_points_beyond_itself() -> None:
    """Where a scope is done, the next tasks are those of the rest of the roadmap."""
    answer = await ask("What next?", context_of(small_roadmap(), 1, 1))
    assert answer.startswith("All of this is done. Next on the roadmap:\n- Week 1, day 2: Clean")


async def test_a_finished_roadmap_gets_no_next_task() -> None:
    answer = await ask("What next?", context_of([task(1, 1, "Bake", done=True)]))
    assert answer.startswith("Every task of the roadmap is done.")


async def test_a_question_finds_the_tasks_that_it_speaks_of() -> None:
    """Tasks that share the question's words come first, however the words are capitalised."""
    answer = await ask("Tips for the CROISSANT?", context_of(small_roadmap()))
    assert answer.startswith(
        "Tasks that touch on your question:\n- Week 2, day 1: Bake a croissant\n\n"
    )


async def test_words_in_most_tasks_single_out_none() -> None:
    tasks = [task(1, 1, f"Python lesson {number}") for number in range(40)]
    assert "touch on" not in await ask("Is python hard?", context_of(tasks))


async def test_a_day_is_described_task_by_task() -> None:
    """A day's answer holds its goal and each of its tasks, with what is done marked."""
    answer = await ask("?", context_of(small_roadmap(), 1, 2))
    assert "Week 1: Goal of week 1\n" in answer
    assert "- Week 1, day 2: Bake a loaf of bread (done)\n- Week 1, day 2: Clean the oven" in answer


async def test_a_week_is_described_day_by_day() -> None:
    answer = await ask("?", context_of(small_roadmap(), 1))
    assert "Week 1: Goal of week 1\n- Day 1 (2 of 2 done)" in answer
    assert "- Day 2 (1 of 2 done)" in answer


async def test_a_long_roadmap_is_described_around_where_the_learner_is() -> None:
    """Of many weeks those around the first open task are shown, and how many are not."""
    tasks = [task(week, 1, f"Loaf {week}", done=week < 30) for week in range(1, 53)]
    answer = await ask("?", context_of(tasks))
    assert "- Week 30: Goal of week 30 (0 of 1 done)" in answer
    assert "- Week 5:" not in answer
    assert "- 40 more weeks are not shown here." in answer


async def test_an_empty_scope_and_an_empty_roadmap_are_named() -> None:
    """The answer says that there is nothing, and what comes next elsewhere."""
    assert (await ask("?", context_of([]))).startswith("This roadmap has no tasks yet.")
    answer = await ask("?", context_of(small_roadmap(), 2, 7))
    assert answer.startswith("There are no tasks in week 2, day 7.")
    assert "Clean the oven" in answer


async def test_the_same_question_gets_the_same_answer() -> None:
    """Nothing is left to chance, and closing needs nothing."""
    assistant = OfflineAssistant()
    context = context_of(small_roadmap())
    first = [part async for part in assistant.answer("bread", context, nobody)]
    second = [part async for part in assistant.answer("bread", context, nobody)]
    assert first == second
    await assistant.close()
