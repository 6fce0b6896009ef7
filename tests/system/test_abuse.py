"""A few attacks on the service as in production; `make audit` runs all of them, with a clock."""

from pathlib import Path

import pytest

from tests.support.abuse import connections, models, requests
from tests.support.abuse.trial import attack_from_model
from tests.support.data_plane import DataPlane

NETWORK = {"one-byte chunks", "resets in mid-request", "smuggling"}
MODEL = ("a gzip bomb", "a million empty events")


@pytest.mark.long(15)
def test_attacks_harm_nobody(data_plane: DataPlane, tmp_path: Path) -> None:
    """No worker dies, learners are served, and memory and log stay within their bounds."""
    attacks = [a for a in (*connections.ATTACKS, *requests.ATTACKS) if a.name in NETWORK]
    answers = {name: models.ANSWERS[name] for name in MODEL}
    group = attack_from_model(data_plane, tmp_path, answers, attacks)
    assert len(group.outcomes) == 1 + len(NETWORK) + len(MODEL)
    assert [fault for outcome in group.outcomes for fault in outcome.faults(timed=False)] == []
