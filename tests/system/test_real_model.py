"""The service over a real language model, as small as they get."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.model_trial import (
    QUESTIONS,
    ask_question,
    make_roadmap,
    running_service,
)
from tests.support.real_model import RealModel, running_model

SEEDS = (4, 7)
"""Half an hour a day for beginners, the shortest first: 26 and 43 seconds when they are alone.

`make bench-model` counts how many of many succeed; here one has to."""


@pytest.fixture(scope="module")
def model() -> Iterator[RealModel]:
    with running_model() as model:
        yield model


@pytest.fixture(scope="module")
def client(model: RealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running_service(model, tmp_path_factory.mktemp("model")) as client:
        yield client


@pytest.mark.long(120)
@pytest.mark.timeout(900)  # seconds when it is alone, minutes beside other tests
def test_small_model_makes_a_roadmap_and_answers_about_it(
    client: httpx.Client, model: RealModel
) -> None:
    """Its roadmap is complete and its own, and what it cannot make is the right problem."""
    for seed in SEEDS:
        outcome = make_roadmap(client, model, seed, weeks=1, daily_hours=0.5)
        assert outcome.faults == []
        if outcome.roadmap_id:
            break
    assert outcome.roadmap_id, outcome.problem
    assert ask_question(client, outcome.roadmap_id, QUESTIONS[0]) == []
