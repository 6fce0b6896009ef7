"""Runs the attacks in groups, and says what became of the service."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.support.abuse import bodies, connections, databases, models, requests, streams
from tests.support.abuse.acknowledged import Acknowledged
from tests.support.abuse.attack import Attack, Outcome, leave_alone, suffer
from tests.support.abuse.clocks import survive_clocks
from tests.support.abuse.processes import survive_a_stop, survive_signals
from tests.support.abuse.target import Target, running_target
from tests.support.abuse.traffic import Learner, Traffic
from tests.support.data_plane import DataPlane
from tests.support.gateway import WITHOUT_GATEWAY, variables_without_gateway
from tests.support.service import running_standin
from tests.support.standin import Pace

NETWORK = (
    *connections.ATTACKS,
    *requests.ATTACKS,
    *bodies.ATTACKS,
    *streams.ATTACKS,
)
FIRST_TOKEN_SECONDS = 0.3
"""With it, a roadmap is under way for about as long as an attack."""

MACHINE = "machine"
"""The name of the faults of processes and clocks."""

JWKS_PATH = "/auth/v1/.well-known/jwks.json"
STORE_TIMEOUT = {"STORE_TIMEOUT_SECONDS": "3"}
"""Shorter than in production, so that silent databases take less of the trial's time."""

CONTROL = Attack("no attack", leave_alone)
"""What `/health` and learners get on this machine as busy as it is."""

T = TypeVar("T")
_Survive = Callable[[Path, Mapping[str, str]], Awaitable[dict[str, list[str]]]]


@dataclass(frozen=True)
class Group:
    """What became of the service under the attacks of one kind of attacker."""

    name: str
    outcomes: Sequence[Outcome]
    """The first one is the control: without an attack."""
    also_wrong: Sequence[str] = ()

    def figures(self) -> str:
        """Return the counts and the worst figures in one line."""
        control, *_ = self.outcomes
        longest = max(self.outcomes, key=lambda outcome: outcome.seconds)
        most = max(self.outcomes, key=lambda outcome: outcome.health_p99)
        return (
            f"{self.name}: {len(self.outcomes) - 1} attacks, /health p99"
            f" {control.health_p99 * 1000:.0f} ms without one and at worst"
            f" {most.health_p99 * 1000:.0f} ms ({most.name}), longest {longest.seconds:.0f} s"
            f" ({longest.name}) of {sum(o.seconds for o in self.outcomes):.0f} s,"
            f" {sum(o.workers_lost for o in self.outcomes)} workers lost,"
            f" {sum(o.traffic.dropped.total() for o in self.outcomes)} requests dropped of"
            f" {sum(o.traffic.served + o.traffic.refused for o in self.outcomes)},"
            f" at most {max(o.memory_bytes for o in self.outcomes) // 2**20} MB,"
            f" {max(o.lines_per_second for o in self.outcomes):.0f} log lines/s"
        )

    def faults(self) -> Iterator[str]:
        for outcome in self.outcomes:
            yield from (f"{self.name}, {fault}" for fault in outcome.faults())
        yield from (f"{self.name}: {fault}" for fault in self.also_wrong)


@dataclass(frozen=True)
class Survival:
    """What was wrong after each fault of the machine."""

    wrong: dict[str, list[str]]

    def figures(self) -> str:
        bad = sum(map(bool, self.wrong.values()))
        return f"machine: {len(self.wrong)} faults of processes and clocks, {bad} not survived"

    def faults(self) -> Iterator[str]:
        for name, wrong in self.wrong.items():
            yield from (f"machine, {name}: {each}" for each in wrong)


def try_to_abuse(
    plane: DataPlane, directory: Path, names: Collection[str] = ()
) -> Iterator[Group | Survival]:
    """Run every attack, or those of these names; yield each group when it is done.

    The faults of the machine run together, if all attacks do or `MACHINE` is among the names.
    """
    places = {name: directory / name for name in ("network", "model", "database", MACHINE)}
    for place in places.values():
        place.mkdir()

    def chosen(attacks: Mapping[str, T]) -> dict[str, T]:
        return {name: each for name, each in attacks.items() if not names or name in names}

    if network := chosen({attack.name: attack for attack in NETWORK}):
        yield attack_from_network(plane, places["network"], network.values())
        plane.reset()
    with ThreadPoolExecutor() as threads:
        is_machine_chosen = not names or MACHINE in names
        # Mostly waiting, on a file of its own: it takes too long to run by itself.
        beside = [
            threads.submit(survive, run, places[MACHINE] / name, {})
            for name, run in {"stop": survive_a_stop, "clocks": survive_clocks}.items()
            if is_machine_chosen
        ]
        if answers_of_models := chosen(models.ANSWERS):
            yield attack_from_model(plane, places["model"], answers_of_models)
            plane.reset()
        if answers := chosen(databases.ANSWERS):
            yield attack_from_database(plane, places["database"], answers)
            plane.reset()
        if is_machine_chosen:
            wrong = survive(survive_signals, places[MACHINE] / "signals", plane.variables)
            yield Survival(wrong | {k: v for each in beside for k, v in each.result().items()})


def attack_from_network(plane: DataPlane, directory: Path, attacks: Iterable[Attack]) -> Group:
    """Attack a service whose model and database are well."""
    plane.proxy.documents[JWKS_PATH] = b'{"keys": []}'
    with (
        running_standin("--first-token", str(FIRST_TOKEN_SECONDS)) as model,
        _running_without_gateway(plane, directory, _model_variables(model)) as target,
    ):
        return Group("network", asyncio.run(_suffer_all(target, attacks, Traffic)))


def attack_from_model(
    plane: DataPlane,
    directory: Path,
    answers: Mapping[str, models.Answer],
    before: Iterable[Attack] = (),
) -> Group:
    """Let the model's server be hostile to all but one learner, after attacks by others."""
    with models.HostileModel(pace=Pace(first_token=FIRST_TOKEN_SECONDS)) as model:
        variables = _model_variables(model.url)
        with _running_without_gateway(plane, directory, variables) as target:
            attacks = [*before, *models.attacks(model, answers)]
            return Group("model", asyncio.run(_suffer_all(target, attacks, Traffic)))


def attack_from_database(
    plane: DataPlane, directory: Path, answers: Mapping[str, databases.Answer]
) -> Group:
    """Let the project answer nonsense for a while; what it had begun is finished afterwards."""
    port = int(plane.url.rpartition(":")[2])
    with (
        running_standin("--first-token", str(FIRST_TOKEN_SECONDS)) as model,
        databases.BadPostgrest(port) as project,
    ):
        variables = plane.variables | _model_variables(model) | STORE_TIMEOUT
        with running_target(directory, variables | {"SUPABASE_URL": project.url}) as target:
            acknowledged = Acknowledged(target.service.url)
            attacks = databases.attacks(project, acknowledged, answers)

            async def run() -> Group:
                outcomes = await _suffer_all(target, attacks, databases.TrafficBesideOutage)
                return Group("database", outcomes, await acknowledged.lost())

            return asyncio.run(run())


def survive(run: _Survive, directory: Path, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """Run faults of the machine with a model of their own; return what was wrong, by the fault."""
    directory.mkdir()

    async def survived() -> dict[str, list[str]]:
        return await run(directory, {**variables, **_model_variables(model)})

    with running_standin("--first-token", str(FIRST_TOKEN_SECONDS)) as model:
        return asyncio.run(survived())


async def _suffer_all(
    target: Target, attacks: Iterable[Attack], traffic: Callable[[Learner], Traffic]
) -> list[Outcome]:
    learner = await Learner.enrol(target.service.url)
    return [await suffer(target, attack, traffic(learner)) for attack in (CONTROL, *attacks)]


def _running_without_gateway(
    plane: DataPlane, directory: Path, variables: Mapping[str, str]
) -> AbstractContextManager[Target]:
    variables = variables_without_gateway(plane) | dict(variables)
    return running_target(directory, variables, application=WITHOUT_GATEWAY)


def _model_variables(origin: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": f"{origin}/api/v1"}
