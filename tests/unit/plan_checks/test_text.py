"""Words, syllables, and what they say: topics, demand, readability, kinds of tasks."""

import pytest

from benchmarks.plan_checks.demand import level_of
from benchmarks.plan_checks.readability import grade
from benchmarks.plan_checks.retrieval import returns
from benchmarks.plan_checks.skeletons import Mask
from benchmarks.plan_checks.text import stems, syllables
from benchmarks.plan_checks.topics import Topic, TopicList
from benchmarks.plan_checks.workload import bounds_of, has_steps
from src.domain.plan import PlannedTask
from src.domain.vocabulary import Category

TOPICS = TopicList(
    [
        Topic("lists"),
        Topic("linked lists"),
        Topic("labels and selectors"),
        Topic("integration by parts", ("by parts",)),
        Topic("theme"),
    ]
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Sort a list.", {"lists"}),
        ("Build a linked list.", {"linked lists"}),
        ("Turn a linked list into a list.", {"linked lists", "lists"}),
        ("Choose selectors for three labels.", {"labels and selectors"}),
        ("Print a label. Rest. Walk home, eat, sleep, and read on selectors.", set()),
        ("Integrate it by parts.", {"integration by parts"}),
        ("Change a part of it.", set()),
        # "Theme" has the stem of "them", and yet says something.
        ("Write on a theme.", {"theme"}),
        ("Write on them.", set()),
    ],
)
def test_text_names_topics(text: str, named: set[str]) -> None:
    """All significant words have to stand together, and the longer name counts."""
    assert TOPICS.named_in(text) == named


@pytest.mark.parametrize(
    ("one", "other"),
    [("tuning", "tune"), ("Colours", "color"), ("organised", "organize"), ("Baked", "bake")],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stems(one) == stems(other)


@pytest.mark.parametrize("word", ["king", "string", "speed", "news"])
def test_endings_that_belong_to_a_word_stay(word: str) -> None:
    assert stems(word) == (word,)


@pytest.mark.parametrize(
    ("word", "count"),
    [("walk", 1), ("table", 2), ("wanted", 2), ("water", 2), ("create", 2), ("readability", 5)],
)
def test_syllables_are_counted(word: str, count: int) -> None:
    assert syllables(word) == count


def test_grade_is_that_of_flesch_and_kincaid() -> None:
    """Six words of one syllable: 0.39 * 6 + 11.8 - 15.59."""
    assert grade(["The cat sat on the mat."]) == pytest.approx(-1.45)


def test_a_numbered_list_is_one_sentence() -> None:
    """Else short steps would hide that the sentences around them are too long."""
    steps = "Sing a song. Steps: (1) walk on. (2) sit down. (3) get up."
    assert grade([steps]) == grade(["Sing a song. Steps: (1) walk on (2) sit down (3) get up."])
    assert grade([steps]) > grade(["Sing a song. Walk on. Sit down. Get up."])


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Read the chapter on loops.", 1),
        ("Write down what you know of loops.", 1),
        ("Explain loops to a friend.", 2),
        ("Run the program.", 3),
        ("Read the chapter, then run the program.", 3),
        ("Compare two loops.", 4),
        ("Without notes, judge both loops.", 5),
        ("Design a game.", 6),
        ("Read on `run` and 'build it'.", 1),
        ("Loops and time.", 0),
    ],
)
def test_highest_instruction_counts(text: str, level: int) -> None:
    assert level_of(text) == level


@pytest.mark.parametrize(
    ("text", "category", "kind"),
    [
        ("Make a glossary of ten terms.", "coding", "a list"),
        ("Take a mock exam.", "revision", "a mock exam"),
        ("Recall five facts.", "revision", "recall"),
        ("Go over the week.", "revision", "revision"),
        ("Read on.", "reading", "reading"),
        ("Build it.", "coding", "practice"),
    ],
)
def test_tasks_have_a_kind(text: str, category: Category, kind: str) -> None:
    assert bounds_of(PlannedTask(text=text, effort="light", category=category)).kind == kind


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Build a game.", False),
        ("Sketch it. Build it. Test it.", True),
        ("Sketch it; build it; test it.", True),
        ("Three rounds: scales, chords, a song.", True),
    ],
)
def test_long_tasks_name_steps(text: str, *, steps: bool) -> None:
    assert has_steps(text) is steps


def test_skeletons_hide_topics_numbers_and_quotations() -> None:
    mask = Mask(TOPICS)
    assert mask.whole("Sort 3 lists with `sort`.") == mask.whole("Sort ten linked lists with `x`.")
    assert mask.whole("Sort a list.") != mask.whole("Reverse a list.")


@pytest.mark.parametrize(
    ("days", "last_day", "times"),
    [
        ([1], 28, 0),
        ([1, 2], 28, 0),  # 5 % of 27 days are more than one day
        ([1, 3], 28, 1),
        ([1, 3, 9], 28, 2),
        ([1, 28], 28, 0),  # much more than 40 %
        ([1, 5], 7, 1),
        ([1, 8, 40, 120], 364, 2),  # a week is too soon for a year, the rest is not
    ],
)
def test_topics_come_back_after_a_gap_that_suits(
    days: list[int], last_day: int, times: int
) -> None:
    assert returns(days, last_day, 2) == times
