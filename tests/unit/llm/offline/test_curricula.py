"""Every curriculum: its shape, its references, and that no sentence is stamped out."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import pytest
from rapidfuzz import fuzz

from src.domain.plan_rules import same_text_key
from src.llm.offline.curricula import Curriculum, Topic, curricula, general_curriculum

ALIKE = 85
"""From this similarity on, two sentences with their topics masked count as alike."""

MAX_ALIKE = 0.05

OTHER_TIMES = re.compile(
    r"\b(yesterday|(the day|the week) before|last week|weeks? \d|day [1-9])\b", re.IGNORECASE
)
EVERY = [*curricula().values(), general_curriculum("beekeeping")]
ID = r"(?=.{1,40}$)[a-z0-9]+(-[a-z0-9]+)*"
NAME = r".{2,60}"
SENTENCE = r"(?=.{20,240}$)\S.*[.!?]"
TASK = r"(?=.{25,240}$)[A-Z].*\."
"""A sentence and a task fit into a task of a plan, together with a pattern."""

QUOTED = re.compile("`[^`]*`|\u201c[^\u201d]*\u201d")


def sentences(topic: Topic) -> Iterator[str]:
    yield topic.explain
    yield from topic.practice
    yield topic.challenge


def masked(sentence: str, topic: Topic) -> str:
    """Return a sentence without its topic's words."""
    words = {word.strip("s") for word in topic.name.lower().split()}
    return " ".join(word for word in sentence.lower().split() if word.strip("s.,") not in words)


def all_texts(curriculum: Curriculum) -> list[str]:
    topics = [text for topic in curriculum.topics for text in sentences(topic)]
    return topics + [text for project in curriculum.projects for text in project.milestones]


@pytest.mark.parametrize("curriculum", EVERY)
def test_topics_need_only_what_stands_above_them(curriculum: Curriculum) -> None:
    """The order of the file is an order of learning, and projects need topics that exist."""
    known: set[str] = set()
    for topic in curriculum.topics:
        assert known.issuperset(topic.needs), topic.id
        assert topic.id not in known
        known.add(topic.id)
    for project in curriculum.projects:
        assert known.issuperset(project.needs), project.name


@pytest.mark.parametrize("curriculum", EVERY)
def test_texts_have_their_shape(curriculum: Curriculum) -> None:
    """They fit into the sentences of a plan, and there are enough of them."""
    topics, projects = curriculum.topics, curriculum.projects
    texts = {
        ID: [name for topic in topics for name in (topic.id, *topic.needs)],
        NAME: [curriculum.subject, *(t.name for t in topics), *(p.name for p in projects)],
        SENTENCE: [topic.explain for topic in topics],
        TASK: [
            *(task for topic in topics for task in (*topic.practice, topic.challenge)),
            *(milestone for project in projects for milestone in project.milestones),
        ],
        r".{5,160}": [topic.read for topic in topics],
        r".{1,40}": curriculum.aliases,
    }
    for shape, shaped in texts.items():
        assert [text for text in shaped if not re.fullmatch(shape, text)] == []
    assert len(topics) >= 24
    assert {len(topic.practice) for topic in topics} <= {2, 3}
    assert 1 <= len(projects) <= 3
    assert all(4 <= len(project.milestones) <= 10 for project in projects)


@pytest.mark.parametrize("name", curricula())
def test_no_text_stands_twice(name: str) -> None:
    counts = Counter(map(same_text_key, all_texts(curricula()[name])))
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.long(1)
@pytest.mark.parametrize("name", curricula())
def test_sentences_are_written_for_their_topic(name: str) -> None:
    """With the topics masked, at most one sentence in twenty is like one of another topic."""
    texts = [
        (topic.id, masked(sentence, topic))
        for topic in curricula()[name].topics
        for sentence in sentences(topic)
    ]
    alike = {
        index
        for (i, (topic, text)), (j, (other, other_text)) in combinations(enumerate(texts), 2)
        if topic != other and fuzz.ratio(text, other_text, score_cutoff=ALIKE)
        for index in (i, j)
    }
    assert len(alike) <= MAX_ALIKE * len(texts), [texts[index] for index in sorted(alike)]


@pytest.mark.parametrize("name", curricula())
def test_texts_have_no_links(name: str) -> None:
    """People look resources up by their names; links die."""
    curriculum = curricula()[name]
    reads = [topic.read for topic in curriculum.topics]
    assert not [text for text in all_texts(curriculum) + reads if "://" in text or "www." in text]


@pytest.mark.parametrize("curriculum", EVERY)
def test_texts_refer_to_no_other_day(curriculum: Curriculum) -> None:
    """An exercise comes back on other days, so its "yesterday" would be another one each time."""
    texts = (QUOTED.sub("", text) for text in all_texts(curriculum))
    assert [text for text in texts if OTHER_TIMES.search(text)] == []


@pytest.mark.parametrize("name", curricula())
def test_levels_have_their_share(name: str) -> None:
    """A plan of each level has new topics to teach."""
    levels = Counter(topic.level for topic in curricula()[name].topics)
    assert levels["beginner"] >= 8
    assert levels["intermediate"] >= 6
    assert levels["advanced"] >= 4


def test_aliases_belong_to_one_subject() -> None:
    aliases = Counter(
        alias
        for curriculum in curricula().values()
        for alias in {curriculum.subject.lower(), *curriculum.aliases}
    )
    assert [alias for alias, count in aliases.items() if count > 1] == []
    assert all(alias == alias.lower() for alias in aliases)
