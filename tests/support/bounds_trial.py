"""Tries to spend more than is allowed, on the service as in production.

Two Gunicorn workers over the real PostgREST and PostgreSQL, and a stand-in for the model at which
every call has the same price, so that what is allowed can be counted to the call.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx

from tests.support.backends import count
from tests.support.data_plane import DataPlane
from tests.support.gateway import WITHOUT_GATEWAY, variables_without_gateway
from tests.support.service import free_port, gunicorn_command, model_variables, running_process
from tests.support.standin import OpenRouterStandIn
from tests.support.standin.answers import Json, Wanted
from tests.support.standin.completion import Completion
from tests.support.standin.script import Script
from tests.support.waiting import until

AT_ONCE = 60
PATIENCE_SECONDS = 90.0

VARIABLES = {
    "WEB_CONCURRENCY": "2",
    "TRUSTED_PROXY_HEADER": "X-Real-IP",
    "MODEL_RETRY_WAIT_SECONDS": "0.1",
    # Long enough for a busy machine.
    "STORE_TIMEOUT_SECONDS": "60",
    "GENERATION_LEASE_SECONDS": "120",
}

PRICE = 2.0**-10
"""Dollars of a call, of which a question takes one. Sums of it are exact."""

CALLS_PER_GENERATION = 3
"""Of one week: the outline, and the two parts of the week."""


@dataclass(frozen=True)
class Phase:
    """Requests to send, half for roadmaps and half with questions, and how many may succeed.

    Users and addresses take turns. None: not known beforehand.
    """

    name: str
    variables: dict[str, str]
    policies: frozenset[str]
    """Those that are to refuse."""
    users: int = 50
    addresses: int = 40
    requests: int = 200
    generations: int | None = None
    questions: int | None = None
    calls: int | None = None
    cuts: int = 0
    """How many of a generation's calls are cut off and repeated; their cost stays unknown."""

    @property
    def calls_per_generation(self) -> int:
        return CALLS_PER_GENERATION + self.cuts


def _budget_of(calls: int, calls_per_generation: int = CALLS_PER_GENERATION) -> dict[str, str]:
    return {
        "DAILY_BUDGET_DOLLARS": str(calls * PRICE),
        "ADDRESS_BUDGET_SHARE": "1",
        "RESERVED_DOLLARS_PER_WEEK": str(calls_per_generation * PRICE),
        "RESERVED_DOLLARS_PER_QUESTION": str(PRICE),
    }


def _limits(policy_suffix: str, learners_per_address: int) -> tuple[dict[str, str], frozenset[str]]:
    names = ("generations-per-hour", "questions-per-hour")
    variables = {
        "GENERATIONS_PER_HOUR": "3",
        "QUESTIONS_PER_HOUR": "5",
        "LEARNERS_PER_ADDRESS": str(learners_per_address),
    }
    return variables, frozenset(name + policy_suffix for name in names)


PHASES = (
    Phase(
        "a budget of 120 calls",
        _budget_of(120),
        frozenset({"budget-per-day"}),
        requests=1_000,
        calls=120,  # the last few go to questions, which fit where a generation does not
    ),
    Phase(
        "a budget of 40 calls, some of them cut off",
        _budget_of(40, CALLS_PER_GENERATION + 1),
        frozenset({"budget-per-day"}),
        calls=40,
        cuts=1,
    ),
    Phase(
        "3 and 5 an hour of 8 users",
        *_limits("", 1_000),
        users=8,
        addresses=33,
        generations=24,
        questions=40,
        calls=112,
    ),
    Phase(
        "3 and 5 an hour of 5 addresses",
        *_limits("-of-an-address", 1),
        users=100,
        addresses=5,
        generations=15,
        questions=25,
        calls=70,
    ),
)


@dataclass
class Counts:
    phase: Phase
    generations: int = 0
    """Those that were admitted, as those of `questions`."""
    questions: int = 0
    refused: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Bounds that did not hold, by a sentence each."""

    @property
    def dollars(self) -> float:
        return self.calls * PRICE


def try_bounds(plane: DataPlane, phases: tuple[Phase, ...] = PHASES) -> list[Counts]:
    """Run the phases on a data plane, which is emptied before each."""
    return [asyncio.run(_Trial(phase, plane).run()) for phase in phases]


class _PricedCompletion(Completion):
    def _usage(self, text: str) -> Json:
        return super()._usage(text) | {"cost": PRICE}


class _CutOutlines(Script):
    """Cuts off the first outlines of each generation, half-way."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times
        self._outlines: Counter[str] = Counter()

    def choose(self, wanted: Wanted) -> str | None:
        if wanted.kind != "outline":
            return None
        goal = wanted.facts["goal"]
        self._outlines[goal] += 1
        return "cut_connection" if self._outlines[goal] <= self._times else None


class _PricedStandIn(OpenRouterStandIn):
    """The stand-in, at a fixed price per call, also of those that it cuts off."""

    completion = _PricedCompletion

    def __init__(self, cuts: int) -> None:
        super().__init__()
        self.script = _CutOutlines(cuts)


class _Trial:
    def __init__(self, phase: Phase, plane: DataPlane) -> None:
        self._phase = phase
        self._plane = plane
        self._counts = Counts(phase)
        self._chance = random.Random(5)

    async def run(self) -> Counts:
        self._plane.reset()
        self._add_roadmaps()
        with _PricedStandIn(self._phase.cuts) as standin, TemporaryDirectory() as directory:
            variables = variables_without_gateway(self._plane) | model_variables(standin)
            variables |= VARIABLES | self._phase.variables
            command = [*gunicorn_command(), WITHOUT_GATEWAY]
            with running_process(command, free_port(), Path(directory), variables) as service:
                await self._send_all(service.url)
                await until(self._all_have_ended)
            self._counts.calls = len(standin.calls.all())
        self._compare()
        return self._counts

    def _add_roadmaps(self) -> None:
        """Give each user a roadmap to ask about, with the user's number as its id."""
        users = f"from generate_series(1, {self._phase.users}) as n"
        self._plane.execute(
            "insert into roadmaps (user_id, description, duration_weeks, daily_hours, level)"
            f" select lpad(n::text, 32, '0')::uuid, 'Learn Go', 1, 1, 'beginner' {users}"
        )
        self._plane.execute(
            "insert into roadmap_tasks"
            " (roadmap_id, week_number, weekly_goal, day_number, position, task_text)"
            f" select n, 1, 'Begin', day, 1, 'Read on day ' || day {users},"
            " generate_series(1, 7) as day"
        )

    async def _send_all(self, url: str) -> None:
        numbers = iter(range(self._phase.requests))
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(
            base_url=url, limits=limits, timeout=PATIENCE_SECONDS
        ) as client:

            async def send_next() -> None:
                for number in numbers:
                    await self._send(client, number)

            await asyncio.gather(*(send_next() for _ in range(AT_ONCE)))

    async def _send(self, client: httpx.AsyncClient, number: int) -> None:
        # Pairs of a generation and a question of the same user, from the same address.
        pair, is_question = divmod(number, 2)
        user = pair % self._phase.users + 1
        body: Json = {"user_id": str(UUID(f"{user:032}"))}
        headers = {"X-Real-IP": f"198.51.100.{pair % self._phase.addresses + 1}"}
        if is_question:
            path = "/ask-assistant"
            body |= {"roadmap_id": user, "input_data": "What comes first?"}
        else:
            path = "/generate_roadmap"
            goal = f"Learn {self._chance.getrandbits(64):x}"
            body |= {"goal": goal, "duration_weeks": 1, "daily_hours": 1, "level": "beginner"}
            headers |= self._chance.choice([{}, {"Prefer": "respond-async"}])
        try:
            answer = await client.post(path, json=body, headers=headers)
        except httpx.TransportError as error:
            self._counts.faults[f"no answer: {type(error).__name__}"] += 1
            return
        if answer.is_success:
            self._counts.questions += is_question
            self._counts.generations += not is_question
        elif answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._counts.refused += 1
            self._check_refusal(answer)
        else:
            self._counts.faults[f"answered with {answer.status_code} {answer.text[:120]}"] += 1

    def _check_refusal(self, answer: httpx.Response) -> None:
        limit, _, parameters = answer.headers.get("RateLimit", "").partition(";")
        policy = limit.strip('"')
        wait = answer.headers.get("Retry-After", "")
        quota = answer.headers.get("RateLimit-Policy", "")
        checks = {
            f"refused by {policy or 'nobody'}": policy in self._phase.policies,
            "refused without saying until when": wait.isdigit() and parameters == f"r=0;t={wait}",
            "refused without the policy": (
                policy == "budget-per-day" or quota.startswith(f'"{policy}";q=')
            ),
            "refused without a problem document": (
                answer.headers["content-type"] == "application/problem+json"
            ),
        }
        self._counts.faults.update(fault for fault, is_kept in checks.items() if not is_kept)

    async def _all_have_ended(self) -> bool:
        return not count(self._plane, "ledger where finished_at is null")

    def _compare(self) -> None:
        """Compare the counts with the phase, with the tables and with each other."""
        phase, counts, plane = self._phase, self._counts, self._plane
        admitted = counts.generations + counts.questions
        bought = counts.generations * phase.calls_per_generation + counts.questions
        ((dollars,),) = plane.query("select coalesce(sum(dollars), 0) from ledger")
        expected = {
            "generations admitted": (counts.generations, phase.generations),
            "questions admitted": (counts.questions, phase.questions),
            "calls": (counts.calls, phase.calls),
            "calls, by what was admitted": (counts.calls, bought),
            "answers": (admitted + counts.refused, phase.requests),
            "generations recorded": (count(plane, "generations"), counts.generations),
            "questions recorded": (count(plane, "questions"), counts.questions),
            "roadmaps": (
                count(plane, "roadmaps where published_at is not null"),
                counts.generations + phase.users,
            ),
            "dollars entered": (dollars, counts.dollars),
        }
        counts.faults.update(
            f"{name}: {is_} instead of {to_be}"
            for name, (is_, to_be) in expected.items()
            if to_be is not None and is_ != to_be
        )
