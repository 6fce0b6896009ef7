"""A few attacks on the service as in production; `make audit` runs all of them, with a clock."""

from pathlib import Path

import pytest

from tests.support.abuse import connections, models, requests
from tests.support.abuse.trial import Group, attack_from_model, attack_from_network
from tests.support.data_plane import DataPlane

NETWORK = {"one-byte chunks", "resets in mid-request", "smuggling"}
MODEL = ("a gzip bomb", "a million empty events")


def faults_of(group: Group) -> list[str]:
    return [fault for outcome in group.outcomes for fault in outcome.faults(timed=False)]


@pytest.mark.long(15)
def test_attacks_from_the_network_harm_nobody(data_plane: DataPlane, tmp_path: Path) -> None:
    """No worker dies, learners are served, and memory and log stay within their bounds."""
    attacks = [a for a in (*connections.ATTACKS, *requests.ATTACKS) if a.name in NETWORK]
    assert len(attacks) == len(NETWORK)
    assert faults_of(attack_from_network(data_plane, tmp_path, attacks)) == []


@pytest.mark.long(15)
def test_hostile_model_servers_harm_nobody(data_plane: DataPlane, tmp_path: Path) -> None:
    """The same holds while a model's server sends others what no server should."""
    answers = {name: models.ANSWERS[name] for name in MODEL}
    assert faults_of(attack_from_model(data_plane, tmp_path, answers)) == []
