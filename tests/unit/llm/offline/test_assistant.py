"""The assistant that works without a model."""

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Task
from src.llm import AssistantContext
from src.llm.offline.assistant import (
    MAX_LINES,
    MAX_TEXT_LENGTH,
    OfflineAssistant,
    understand_question,
)
from src.llm.offline.curricula import curricula
from tests.support.plans import fortnight

CORPUS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("questions.toml").read_text("utf-8")
)
RIGHT = 0.95
CREATED = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROADMAP = fortnight(CREATED, roadmap_id=7).model_copy(update={"description": "Learn Kubernetes"})


def task(week: int, day: int, text: str, *, done: bool = False) -> Task:
    return Task(
        id=f"{week}-{day}-{text}",
        roadmap_id=7,
        week_number=week,
        weekly_goal=f"Goal of week {week}.",
        day_number=day,
        task_text=text,
        effort="light",
        category="reading",
        completed=done,
        completed_at=CREATED if done else None,
        created_at=CREATED,
    )


PLAN = [
    task(1, 1, "Start a cluster", done=True),
    task(1, 1, "Look at its nodes", done=True),
    task(1, 2, "Start a pod", done=True),
    task(1, 2, "Delete the pod"),
    task(1, 3, "Write a deployment"),
    task(2, 1, "Write a service"),
    task(2, 2, "Compare two services"),
]
DONE = [one.model_copy(update={"completed": True, "completed_at": CREATED}) for one in PLAN]
FRESH = [one.model_copy(update={"completed": False, "completed_at": None}) for one in PLAN]


def nobody(_usage: ModelUsage) -> None:
    raise AssertionError("no model is asked")


async def ask(
    question: str,
    tasks: Sequence[Task] = PLAN,
    week: int | None = None,
    day: int | None = None,
    *,
    days_later: int = 2,
    goal: str = ROADMAP.description,
) -> str:
    roadmap = ROADMAP.model_copy(update={"description": goal})
    context = AssistantContext(roadmap=roadmap, tasks=tasks, week_number=week, day_number=day)
    assistant = OfflineAssistant(lambda: CREATED + timedelta(days=days_later))
    *pieces, whole = [part async for part in assistant.answer(question, context, nobody)]
    assert isinstance(whole, AssistantAnswer)
    assert "".join(map(str, pieces)) == whole.response
    return whole.response


def meant(text: str) -> dict[str, Any]:
    asked = understand_question(text, curricula()["kubernetes"].topics)
    number, topic = asked.amounts.get(asked.intent), asked.topic and asked.topic.id
    found = {"text": text, "intent": asked.intent, "number": number, "topic": topic}
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize("part", CORPUS)
def test_questions_are_understood(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The intent, and the number or the topic that it is about: both right."""
    wrong = [asked for asked in CORPUS[part] if meant(asked["text"]) != asked]
    right = 1 - len(wrong) / len(CORPUS[part])
    with capsys.disabled():
        print(f"\n{part}: {right:.1%} of {len(CORPUS[part])} understood", *wrong, sep="\n")  # noqa: T201
    assert right >= RIGHT


def test_the_corpus_is_large_and_has_each_question_once() -> None:
    texts = [asked["text"] for questions in CORPUS.values() for asked in questions]
    assert len(CORPUS["questions"]) >= 80
    assert len(CORPUS["held_out"]) >= 20
    assert len(texts) == len(set(texts))


NEXT = "Next:\n- Week 1, day 2 (30 min): Delete the pod\n- Week 1, day 3 (60 min): Write a dep"
SECOND_DAY = "Done in week 1, day 2: 1 of 2 tasks (50 %).\n- Week 1, day 2 (30 min): Delete the pod"
MISSED = (
    "Tasks left from before today: 1, about 0.5 hours. Do 1 of them a day besides today's for a "
    "week:\n- Week 1, day 2 (30 min): Delete the pod"
)
TOO_LONG = "No task is that short. Begin this one, and stop in time:\n- Week 1, day 2 (30 min): Del"
ANSWERS: dict[str, tuple[str, str]] = {
    "now": ("What should I do now?", NEXT),
    "today is counted from the first day": (
        "today",
        "Done in week 1, day 3: 0 of 1 tasks (0 %).\n- Week 1, day 3 (60 min): Write a deployment",
    ),
    "tomorrow": ("And tomorrow?", "There are no tasks in week 1, day 4.\nNext:\n"),
    "a day of this week": ("day 2", SECOND_DAY),
    "a day of another week": ("week 2 day 1", "Done in week 2, day 1: 0 of 1 tasks (0 %).\n"),
    "a week": ("week 2", "Goal of week 2. Done in week 2: 0 of 2 tasks (0 %).\n- Week 2, day 1"),
    "this week": (
        "What is this week's goal?",
        "Goal of week 1. Done in week 1: 3 of 5 tasks (60 %)",
    ),
    "next week": ("next week?", "Goal of week 2. Done in week 2: "),
    "a week that is not there": ("week 9", "There are no tasks in week 9.\nNext:\n"),
    "progress": ("How far am I?", "Done in the whole roadmap: 3 of 7 tasks (42 %).\nNext:\n"),
    "what was missed": ("What did I miss?", MISSED),
    "little time": (
        "I only have 40 minutes",
        "This fits into 40 minutes:\n- Week 1, day 2 (30 min): Delete the pod",
    ),
    "too little time": (
        "only 10 min",
        TOO_LONG,
    ),
    "the end at this pace": (
        "When will I be finished?",
        "If you go on as you do, on 8 March 2026: 1.0 tasks a day, and 4 are left.",
    ),
    "what a topic is": (
        "What is a pod?",
        f"{curricula()['kubernetes'].topics[3].explain}\nTo read: ",
    ),
    "where a topic is in the plan": ("pods?", "In your plan:\n- Week 1, day 2 (30 min): Delete"),
    "how to practise a topic that the plan leaves out": ("explain DaemonSets", "To practise: "),
    "what comes after": (
        "What comes after this plan?",
        "this plan leaves out: a local cluster, ",
    ),
    "thanks": ("thanks!", "You are welcome."),
    "a greeting": ("hello", "Hello! I can say what to do now or today,"),
}


@pytest.mark.parametrize(("question", "lines"), ANSWERS.values(), ids=ANSWERS)
async def test_a_question_is_answered(question: str, lines: str) -> None:
    """By the lines that answer it, with real tasks and what they take."""
    assert lines in await ask(question)


async def test_anything_else_gets_one_sentence_that_says_what_can_be_asked() -> None:
    """Learners can do nothing about keys and settings, so no word is lost on them."""
    answer = await ask("Write me a poem")
    assert answer.startswith("I cannot answer that without a language model, but I can say")
    assert answer.count(".") == 1
    assert "\n" not in answer


@pytest.mark.long(1)
@pytest.mark.parametrize("tasks", [[], PLAN, DONE, FRESH, [task(2, 7, "x" * 500)] * 40])
@pytest.mark.parametrize("scope", [(None, None), (1, None), (None, 2), (1, 2), (2, 7)])
async def test_every_answer_is_short(
    tasks: list[Task], scope: tuple[int | None, int | None]
) -> None:
    """At most six lines, whatever the scope, the plan and the day; never an empty one."""
    questions = {asked["intent"]: asked["text"] for asked in CORPUS["questions"]}
    for days in (-1, 3, 400):
        for question in questions.values():
            lines = (await ask(question, tasks, *scope, days_later=days)).split("\n")
            assert 0 < len(lines) <= MAX_LINES
            assert all(0 < len(line) <= 2 * MAX_TEXT_LENGTH for line in lines)
            assert "OPENAI_API_KEY" not in lines[0]


@pytest.mark.parametrize(
    ("week", "day", "counts"),
    [
        (None, None, "Done in the whole roadmap: 3 of 7 tasks (42 %)."),
        (1, None, "Done in week 1: 3 of 5 tasks (60 %)."),
        (None, 1, "Done in day 1 of every week: 2 of 3 tasks (66 %)."),
        (1, 1, "Done in week 1, day 1: 2 of 2 tasks (100 %).\nAll of this is done. Next on the"),
        (2, 7, "There are no tasks in week 2, day 7.\nNext on the roadmap:"),
    ],
)
async def test_progress_is_counted_within_the_scope(
    week: int | None, day: int | None, counts: str
) -> None:
    """Counts and percent are those of the scope; a day alone means that day of every week."""
    assert counts in await ask("How far am I?", PLAN, week, day)


async def test_a_hundred_percent_means_everything() -> None:
    tasks = [task(1, 1, f"Pod {n}", done=n > 0) for n in range(1_000)]
    assert "999 of 1000 tasks (99 %)" in await ask("progress", tasks)


async def test_the_end_is_the_plans_if_nothing_is_done() -> None:
    answer = await ask("When am I done?", FRESH, days_later=100)
    assert answer == "If you begin today and keep to the plan, on 23 June 2026."


async def test_much_that_was_missed_moves_the_end() -> None:
    """Nobody catches up with more than half a day's work besides each day of a week."""
    behind = [task(1, day, f"Pod {day}") for day in range(1, 8)]
    answer = await ask("What did I miss?", behind, days_later=7)
    assert "about 7.0 hours. Go on from here, and you end about 7 days later:" in answer


async def test_a_pace_that_ends_nowhere_gives_no_date() -> None:
    late = await ask("When will I be finished?", PLAN, days_later=365 * 9)
    assert late == "At your pace so far it would take more than ten years."


async def test_a_finished_roadmap_has_nothing_next() -> None:
    for question in ("What next?", "When am I done?", "I have 5 minutes"):
        assert await ask(question, DONE) == "Every task of the roadmap is done. Well done!"
    assert (await ask("What did I miss?", DONE)).startswith("You have missed nothing")


async def test_long_lists_say_how_many_are_left_out() -> None:
    answer = await ask("What next?", [task(1, 1, f"Pod {n}") for n in range(9)])
    assert answer.endswith("- and 5 more.")


async def test_minutes_of_a_task_are_its_own_if_it_has_them() -> None:
    """In rows of older code, which have none, a task has its share of the day."""
    own = PLAN[3].model_copy(update={"estimated_minutes": 5})
    assert "(5 min): Delete the pod" in await ask("What next?", [own])


async def test_a_subject_without_a_curriculum_explains_nothing() -> None:
    answer = await ask("What is a pod?", goal="beekeeping")
    assert answer.startswith("I cannot answer that without a language model")
    assert "own" in await ask("What comes after this plan?", goal="beekeeping")


async def test_the_same_question_gets_the_same_answer() -> None:
    assert await ask("pods") == await ask("pods")
    await OfflineAssistant().close()
