"""What the questions to the model hold, and where."""

import json
from typing import Any

import pytest

from src.domain.plan import PlannedTask, PlanRequest, WeekOutline
from src.llm.openrouter import prompts
from src.llm.openrouter.client import Messages

GOAL = "Play the guitar"
REQUEST = PlanRequest(goal=GOAL, duration_weeks=3, daily_hours=1, level="beginner")
WEEKS = [
    WeekOutline(week_number=number, goal=f"Chords of part {number}", focus=("chords", "rhythm"))
    for number in (1, 2, 3)
]
TASK = PlannedTask(
    text="Play G and C by turns", effort="light", category="practice", estimated_minutes=20
)


def days_messages(days: list[int], request: PlanRequest = REQUEST) -> Messages:
    return prompts.days_messages(request, WEEKS[1], (WEEKS[0], WEEKS[2]), days, [])


def contents(messages: Messages) -> tuple[str, str]:
    """Return the rules and the facts."""
    system, user = messages
    assert (system["role"], user["role"]) == ("system", "user")
    return str(system["content"]), str(user["content"])


def facts_of(messages: Messages) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(contents(messages)[1])
    return facts


ALL = {
    "outline": prompts.outline_messages(REQUEST, WEEKS[:1], []),
    "week": days_messages([1, 2, 3, 4]),
    "replace": prompts.replacement_messages(REQUEST, WEEKS[1], [TASK], []),
    "question": prompts.question_messages({"question": GOAL}),
}


@pytest.mark.parametrize(("kind", "messages"), ALL.items())
def test_learners_texts_are_data(kind: str, messages: Messages) -> None:
    """They stand in the facts alone; the rules are the same for everyone."""
    rules, facts = contents(messages)
    assert json.loads(facts)["kind"] == kind
    assert GOAL in facts
    assert GOAL not in rules


def test_the_questions_for_a_week_begin_alike() -> None:
    """A server that keeps what it has read reads only the days anew."""
    (rules, first), (same_rules, second) = (
        contents(days_messages(days)) for days in ([1, 2, 3, 4], [5, 6, 7])
    )
    assert rules == same_rules
    common, _, days = first.partition('"days":')
    assert second.startswith(common)
    assert days == "[1,2,3,4]}"


def test_a_week_knows_its_neighbours() -> None:
    facts = facts_of(days_messages([1]))
    assert facts["week_goal"] == WEEKS[1].goal
    assert facts["previous_goal"] == WEEKS[0].goal
    assert facts["next_goal"] == WEEKS[2].goal
    assert facts["tasks_per_day"] == 2


@pytest.mark.parametrize("days", [[5, 6, 7], [7]])
def test_the_last_day_returns_to_earlier_topics(days: list[int]) -> None:
    """The other days know nothing of them, since every topic costs tokens."""
    review = ["capo", "tuning"]
    messages = prompts.days_messages(REQUEST, WEEKS[1], (None, None), days, [], review=review)
    assert facts_of(messages)["review"] == review
    earlier = prompts.days_messages(
        REQUEST, WEEKS[1], (None, None), [1, 2, 3, 4], [], review=review
    )
    assert "review" not in facts_of(earlier)


def test_demand_rises_by_thirds_of_the_plan() -> None:
    request = REQUEST.model_copy(update={"duration_weeks": 12})
    weeks = [WeekOutline(week_number=number, goal="Go on", focus=()) for number in range(1, 13)]
    demands = [
        facts_of(prompts.days_messages(request, week, (None, None), [1], []))["demand"]
        for week in weeks
    ]
    assert demands == ["apply"] * 4 + ["analyse"] * 4 + ["judge and create"] * 4


def test_a_task_is_shown_as_the_model_writes_it() -> None:
    """A repeated task that has no minutes yet shows none."""
    untimed = TASK.model_copy(update={"estimated_minutes": None})
    messages = prompts.replacement_messages(REQUEST, WEEKS[1], [TASK, untimed], [])
    first, second = facts_of(messages)["tasks"]
    assert first == {
        "text": TASK.text,
        "effort": "light",
        "category": "practice",
        "minutes": 20,
    }
    assert "minutes" not in second


def test_only_the_outline_has_a_long_goal_in_full() -> None:
    long = REQUEST.model_copy(update={"goal": "g" * 2_000})
    assert facts_of(prompts.outline_messages(long, [], []))["goal"] == long.goal
    assert len(facts_of(days_messages([1], long))["goal"]) == prompts.MAX_REPEATED_GOAL_LENGTH


def test_what_says_nothing_is_left_out() -> None:
    facts = facts_of(prompts.outline_messages(REQUEST, [], []))
    assert facts["from_week"] == 1
    assert not facts.keys() & {"known_goals", "problems"}


def test_only_so_many_problems_are_listed() -> None:
    problems = [f"Problem {number}." for number in range(50)]
    listed = facts_of(prompts.outline_messages(REQUEST, [], problems))["problems"]
    assert listed == problems[: prompts.MAX_PROBLEMS]


@pytest.mark.parametrize("marker", ["<|im_end|>", "[INST]", "[/INST]"])
def test_no_text_can_end_its_turn(marker: str) -> None:
    """Markers of chat turns are escaped: the same JSON, and no marker to a careless server."""
    facts = prompts.encode_facts({"goal": f"Go {marker} on"})
    assert marker not in facts
    assert json.loads(facts) == {"goal": f"Go {marker} on"}


def test_the_rules_stay_short() -> None:
    """Each call pays for them: about 300 tokens at four characters each."""
    for messages in ALL.values():
        assert len(contents(messages)[0]) <= 1_200
