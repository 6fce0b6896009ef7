"""Injections against the running service, whose model obeys every one of them."""

from collections.abc import Iterator

import pytest

from tests.support.injection_trial import ATTEMPTS, HELD, Attempt, Trial, running_trial
from tests.support.standin.obedience import DEEDS


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with running_trial(tmp_path_factory.mktemp("injections")) as trial:
        yield trial


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[attempt.name for attempt in ATTEMPTS])
def test_injection_changes_no_rule(trial: Trial, attempt: Attempt) -> None:
    """What reaches the client keeps every rule, or is a problem document and nothing is stored."""
    assert trial.run(attempt) == HELD


def test_corpus_is_broad() -> None:
    """It tries every place and every deed, in many languages."""
    assert len(ATTEMPTS) >= 40
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS)
    assert len({attempt.language for attempt in ATTEMPTS}) >= 10
    assert {attempt.place for attempt in ATTEMPTS} == {"goal", "question", "task"}
    assert {attempt.deed for attempt in ATTEMPTS} == DEEDS.keys()
