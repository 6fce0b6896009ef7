"""Runs the attacks in groups, and says what became of the service."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.abuse import bodies, connections, processes, requests, streams
from tests.support.abuse.attack import Attack, Outcome, suffer
from tests.support.abuse.clocks import survive_clocks
from tests.support.abuse.databases import BadPostgrest, databases_attacks, survive_databases
from tests.support.abuse.models import HostileModel, attacks as model_attacks
from tests.support.abuse.target import Target, running_target
from tests.support.abuse.traffic import Learner, Traffic
from tests.support.data_plane import DataPlane
from tests.support.service import running_standin
from tests.support.standin import Pace
