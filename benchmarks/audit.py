"""Audits authorization, leaks, prompt injection, cost limits, the OpenAPI document, and abuse.

`make audit` runs every section in full and prints its counts; `make test` runs a part of each.
`python -m benchmarks.audit abuse bounds` runs two sections alone, and
`python -m benchmarks.audit abuse --attacks "deep JSON" HEAD` two attacks.
"""

import argparse
import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.abuse.trial import try_to_abuse
from tests.support.authorization import try_cells
from tests.support.authorization_cells import all_cells, senders_of
from tests.support.authorized_services import running_alone, running_project
from tests.support.bounds_trial import try_bounds
from tests.support.conformance.exploration import explore_all, figures, shortfalls
from tests.support.data_plane import DataPlane, running_data_plane, running_postgres
from tests.support.injection_trial import ATTEMPTS, running_trial
from tests.support.leak_trial import FEW, run_leak_trial
from tests.support.row_security import measured_matrix
from tests.support.service import Server
from tests.support.standin.misbehaviours import MISBEHAVIOURS
from tests.support.verdict import conclude

HELD = "held"


def check_authorization(plane: DataPlane, directory: Path) -> Iterator[str]:
    """Call every route with every credential, in both modes."""
    with running_project(plane, directory) as project:
        senders = senders_of(project.mint, "ES256")
        for mode, service in project.services.items():
            found = asyncio.run(
                try_cells(
                    service.url,
                    project.backend,
                    all_cells(senders),
                    token_required=mode == "required",
                )
            )
            statuses = ", ".join(f"{n} x {s}" for s, n in sorted(found.statuses.items()))
            print(f"authorization  {mode}: {found.cells} cells, {len(found.wrong)} wrong")
            print(f"               {statuses}")
            yield from found.wrong
    for mode in ("optional", "required"):
        place = directory / f"{mode}-alone"
        place.mkdir()
        with running_alone(mode, place) as alone:
            senders = senders_of(alone.mint, "HS256")
            found = asyncio.run(
                try_cells(
                    alone.services[mode].url,
                    alone.backend,
                    all_cells(senders),
                    token_required=mode == "required",
                )
            )
            print(
                f"authorization  {mode}, on the embedded file: {found.cells} cells,"
                f" {len(found.wrong)} wrong"
            )
            yield from found.wrong


def check_row_security(plane: DataPlane, _directory: Path) -> Iterator[str]:
    """Run every command on every table and view as every caller, without the service."""
    matrix = measured_matrix(plane)
    print(f"row security   {matrix.cells} cells, {len(matrix.wrong)} wrong")
    yield from matrix.wrong


def check_leaks(plane: DataPlane, directory: Path) -> Iterator[str]:
    """Search all logs and errors for canaries, for every endpoint and every failure."""
    trials: tuple[tuple[Server, DataPlane | None, Iterable[str]], ...] = (
        ("uvicorn", None, MISBEHAVIOURS),
        ("gunicorn", None, FEW),
        ("uvicorn", plane, FEW),
        ("gunicorn", plane, FEW),
    )
    for number, (server, store, misbehaviours) in enumerate(trials):
        place = directory / str(number)
        place.mkdir()
        trial = run_leak_trial(server, "DEBUG", place, store, misbehaviours)
        print(
            f"canaries       {server}: {len(trial.log.splitlines())} lines of log,"
            f" {len(trial.refusals)} errors searched, {len(trial.found)} canaries found"
        )
        yield from (f"{server}: a canary was printed" for _ in trial.found)


def check_injections(_plane: DataPlane, directory: Path) -> Iterator[str]:
    """Try every prompt injection on a model that obeys."""
    with running_trial(directory) as trial:
        outcomes = {attempt.name: trial.run(attempt) for attempt in ATTEMPTS}
    held = sum(outcome == HELD for outcome in outcomes.values())
    places = {place: sum(a.place == place for a in ATTEMPTS) for place in ("goal", "question")}
    languages = len({attempt.language for attempt in ATTEMPTS})
    print(
        f"injections     {held} of {len(outcomes)} held: {places['goal']} in goals,"
        f" {places['question']} in questions, the others in stored tasks; {languages} languages"
    )
    yield from (f"{name}: {outcome}" for name, outcome in outcomes.items() if outcome != HELD)


def check_bounds(plane: DataPlane, _directory: Path) -> Iterator[str]:
    """Send more requests than the limits allow, from many users and addresses, to two workers."""
    for each in try_bounds(plane):
        print(
            f"bounds         {each.phase.name}: {each.phase.requests} requests, admitted"
            f" {each.generations} roadmaps and {each.questions} questions, refused {each.refused};"
            f" {each.calls} model calls, ${each.dollars:.4f}"
        )
        yield from (f"{each.phase.name}: {n} times {fault}" for fault, n in each.faults.items())


def check_conformance(plane: DataPlane, directory: Path) -> Iterator[str]:
    """Explore the OpenAPI document with Schemathesis."""
    plane.reset()
    found = explore_all(plane, directory)
    print("schemathesis", *figures(found), sep="\n")
    yield from shortfalls(found)


def check_abuse(plane: DataPlane, directory: Path, attacks: Collection[str] = ()) -> Iterator[str]:
    """Attack from the network, as the model's server, as PostgREST, and by signals and clocks."""
    for each in try_to_abuse(plane, directory, attacks):
        print(f"abuse          {each.figures()}")
        yield from each.faults()


SECTIONS: dict[str, Callable[[DataPlane, Path], Iterator[str]]] = {
    "authorization": check_authorization,
    "row-security": check_row_security,
    "leaks": check_leaks,
    "injections": check_injections,
    "bounds": check_bounds,
    "conformance": check_conformance,
    "abuse": check_abuse,
}


def main() -> int:
    """Run each section on a database of its own; the exit status is the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], help="by default all")
    parser.add_argument("--attacks", nargs="+", default=(), help="of abuse; by default all")
    arguments = parser.parse_args()
    sections = arguments.sections or list(SECTIONS)
    checks = SECTIONS | {"abuse": partial(check_abuse, attacks=arguments.attacks)}
    faults: list[str] = []
    with running_postgres() as postgres:
        for name in sections:
            with (
                TemporaryDirectory() as directory,
                postgres.database() as database,
                running_data_plane(database) as plane,
            ):
                plane.apply_schema()
                faults += checks[name](plane, Path(directory))
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(main())
