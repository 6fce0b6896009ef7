"""The running service against its own description, as Schemathesis explores it."""

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.routers.dependencies import EXAMPLE_USER
from tests.support.conformance import CALLER
from tests.support.data_plane import DataPlane
from tests.support.service import ROOT, clean_environment, running_service
from tests.support.tokens import TokenMint

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
LIMIT_SECONDS = 400.0
LEAST_CASES = 2_000
"""In a full exploration, on both stores together."""
SEQUENCES = 200
"""Sequences of requests in a full exploration: they are cheap, and near to what clients do."""
FEW_SEQUENCES = 20
FEW_PHASES = "examples,stateful"
"""A short exploration tries other shapes of requests on SQLite: no store and no user sees them."""


@dataclass(frozen=True)
class Explored:
    """What one exploration came to.

    `failures` has a line for each kind of failure, and for each error that the service logged.
    `output` is all that Schemathesis printed, with a command that repeats each failure.
    """

    cases: int
    seconds: float
    failures: tuple[str, ...]
    output: str


def explore_all(
    data_plane: DataPlane, directory: Path, max_examples: int | None = None
) -> dict[str, Explored]:
    """Explore the service side by side on SQLite, on Supabase, and where a token is required.

    `max_examples` bounds the requests that are made up for each operation, for a short exploration;
    None leaves it to the configuration.
    """
    mint = TokenMint("", secret=secrets.token_hex(32))
    required = {"AUTH_MODE": "required", "SUPABASE_JWT_SECRET": mint.secret}
    phases = FEW_PHASES if max_examples else None
    services: dict[str, tuple[dict[str, str], str | None, str | None]] = {
        "sqlite": ({}, None, None),
        "supabase": (data_plane.variables, None, phases),
        "token required": (required, mint.hs256(EXAMPLE_USER), phases),
    }
    with ThreadPoolExecutor() as pool:
        running = {
            name: pool.submit(explore, directory / name, max_examples, *service)
            for name, service in services.items()
        }
        return {name: found.result() for name, found in running.items()}


def figures(found: dict[str, Explored]) -> list[str]:
    return [
        f"{name:>15} {each.cases:6} cases {len(each.failures):4} failures {each.seconds:5.0f} s"
        for name, each in found.items()
    ]


def shortfalls(found: dict[str, Explored], least_cases: int = LEAST_CASES) -> list[str]:
    """Return what the explorations fall short of, in a sentence each."""
    faults = [f"{name}: {failure}" for name, each in found.items() for failure in each.failures]
    cases = found["sqlite"].cases + found["supabase"].cases
    if cases < least_cases:
        faults.append(f"{cases} cases on both stores, fewer than {least_cases}")
    return faults


def explore(
    directory: Path,
    max_examples: int | None,
    variables: Mapping[str, str],
    token: str | None,
    phases: str | None,
) -> Explored:
    """Start the service with these variables, and try all that its description says and forbids.

    With a token, every request carries it and is its user's, who is the example's. Without phases,
    all of them run.
    """
    directory.mkdir()
    with running_service("uvicorn", directory, {"LOG_LEVEL": "WARNING", **variables}) as service:
        report, output = _run(service.url, directory, token, max_examples, phases)
        logged = (line for line in service.log.splitlines() if " ERROR " in line)
    failures = (
        *(f"{found['title']}: {', '.join(found['operations'])}" for found in report["failures"]),
        *(error["title"] for error in report["errors"]),
        *(() if report["complete"] else ("it did not come to its end",)),
        *logged,
    )
    return Explored(
        report["test_cases"]["generated"], report["running_time"] or 0, failures, output
    )


def _run(
    url: str, directory: Path, token: str | None, max_examples: int | None, phases: str | None
) -> tuple[dict[str, Any], str]:
    """Run Schemathesis, and return its report and what it printed."""
    path, configuration = directory / "schemathesis.json", directory / "schemathesis.toml"
    sequences = FEW_SEQUENCES if max_examples else SEQUENCES
    configuration.write_text(
        f"{CONFIGURATION.read_text()}[phases.stateful.generation]\nmax-examples = {sequences}\n"
    )
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [program, "--config-file", str(configuration), "run", f"{url}/openapi.json"]
    command += ["--report", "json", "--report-json-path", str(path)]
    variables = {"PYTHONPATH": str(ROOT)}
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
        variables[CALLER] = EXAMPLE_USER
    if phases:
        command += ["--phases", phases]
    if token or max_examples:  # the stores are explored at length without a token
        command += ["--max-examples", str(max_examples or 10)]
    run = subprocess.run(
        command,
        cwd=directory,  # it leaves a cache of its own there
        env=clean_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if not path.exists():
        raise RuntimeError(f"Schemathesis made no report:\n{run.stdout}")
    report: dict[str, Any] = json.loads(path.read_text())
    return report, run.stdout
