"""Tries to spend more than is allowed, on the service as in production.

Two Gunicorn workers over the real PostgREST and PostgreSQL, and a stand-in for the model at which
every call has the same price, so that what is allowed can be counted to the call.
"""

import asyncio
import itertools
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from tests.support.data_plane import DataPlane
from tests.support.service import model_variables, running_service
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
"""Dollars of a call. Sums of it are exact."""

CALLS_PER_GENERATION = 3
"""Of one week: the outline, and the two parts of the week."""

CALLS_PER_QUESTION = 1


@dataclass(frozen=True)
class Phase:
    """Requests to send, half for roadmaps and half with questions, and how many may succeed.

    Users and addresses take turns. None: not known beforehand.
    """

    name: str
    variables: dict[str, str]
    policies: frozenset[str]
    """Those that are to refuse."""
    requests: int
    users: int
    addresses: int
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
        "RESERVED_DOLLARS_PER_QUESTION": str(CALLS_PER_QUESTION * PRICE),
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
        users=50,
        addresses=40,
        calls=120,  # the last few go to questions, which fit where a generation does not
    ),
    Phase(
        "a budget of 40 calls, some of them cut off",
        _budget_of(40, CALLS_PER_GENERATION + 1),
        frozenset({"budget-per-day"}),
        requests=200,
        users=50,
        addresses=40,
        calls=40,
        cuts=1,
    ),
    Phase(
        "3 and 5 an hour of 8 users",
        *_limits("", 1_000),
        requests=200,
        users=8,
        addresses=33,
        generations=24,
        questions=40,
        calls=112,
    ),
    Phase(
        "3 and 5 an hour of 5 addresses",
        *_limits("-of-an-address", 1),
        requests=200,
        users=100,
        addresses=5,
        generations=15,
        questions=25,
        calls=70,
    ),
)


@dataclass
class Counts:
    """What came of a phase."""

    phase: str
    requests: int = 0
    generations: int = 0
    questions: int = 0
    """Those that were admitted, as those of `generations`."""
    refused: int = 0
    calls: int = 0
    dollars: float = 0.0
    """What the calls cost, by their price."""
    entered_dollars: float = 0.0
    """What they cost by the ledger."""
    faults: list[str] = field(default_factory=list)
    """Bounds that did not hold, a sentence each."""


def try_bounds(plane: DataPlane, phases: tuple[Phase, ...] = PHASES) -> list[Counts]:
    """Run the phases on a data plane, which is emptied before each."""
    counts = []
    for phase in phases:
        plane.reset()
        counts.append(asyncio.run(_Trial(phase, plane).run()))
    return counts


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


class PricedStandIn(OpenRouterStandIn):
    """The stand-in, at a fixed price per call, also of those that it cuts off."""

    completion = _PricedCompletion

    def __init__(self, cuts: int) -> None:
        super().__init__()
        self.script = _CutOutlines(cuts)


class _Trial:
    """One phase on a service of its own."""

    def __init__(self, phase: Phase, plane: DataPlane) -> None:
        self._phase = phase
        self._plane = plane
        self._counts = Counts(phase.name)
        self._faults: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._chance = random.Random(5)

    async def run(self) -> Counts:
        counts = self._counts
        with self._service() as (url, standin):
            limits = httpx.Limits(max_connections=AT_ONCE)
            async with httpx.AsyncClient(
                base_url=url, limits=limits, timeout=PATIENCE_SECONDS
            ) as client:
                await asyncio.gather(*(self._ask_on(client) for _ in range(AT_ONCE)))
            await until(self._all_have_ended)
            counts.calls = len(standin.calls.all())
        counts.dollars = counts.calls * PRICE
        counts.entered_dollars = self._number("select coalesce(sum(dollars), 0) from ledger")
        counts.faults = [f"{self._phase.name}: {fault}" for fault in self._find_faults()]
        return counts

    @contextmanager
    def _service(self) -> Iterator[tuple[str, PricedStandIn]]:
        self._add_roadmaps()
        with (
            PricedStandIn(self._phase.cuts) as standin,
            tempfile.TemporaryDirectory() as directory,
            running_service(
                "gunicorn",
                Path(directory),
                {
                    **self._plane.variables,
                    **model_variables(standin),
                    **VARIABLES,
                    **self._phase.variables,
                },
            ) as service,
        ):
            yield service.url, standin

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

    async def _ask_on(self, client: httpx.AsyncClient) -> None:
        for number in self._numbers:
            if number >= self._phase.requests:
                return
            self._counts.requests += 1
            # Pairs of a generation and a question of the same user, from the same address.
            pair, is_question = divmod(number, 2)
            user_number = pair % self._phase.users + 1
            address = f"198.51.100.{pair % self._phase.addresses + 1}"
            send = self._ask if is_question else self._generate
            try:
                answer = await send(client, user_number, {"X-Real-IP": address})
            except httpx.TransportError as error:
                self._faults[f"no answer: {type(error).__name__}"] += 1
            else:
                self._take(answer, is_question=bool(is_question))

    async def _generate(
        self, client: httpx.AsyncClient, user: int, headers: dict[str, str]
    ) -> httpx.Response:
        body = {
            "user_id": str(UUID(f"{user:032}")),
            "goal": f"Learn {self._chance.getrandbits(64):x}",
            "duration_weeks": 1,
            "daily_hours": 1,
            "level": "beginner",
        }
        form = self._chance.choice([{}, {"Prefer": "respond-async"}])
        return await client.post("/generate_roadmap", json=body, headers=headers | form)

    async def _ask(
        self, client: httpx.AsyncClient, user: int, headers: dict[str, str]
    ) -> httpx.Response:
        body = {
            "user_id": str(UUID(f"{user:032}")),
            "roadmap_id": user,
            "input_data": "What comes first?",
        }
        return await client.post("/ask-assistant", json=body, headers=headers)

    def _take(self, answer: httpx.Response, *, is_question: bool) -> None:
        if answer.is_success and is_question:
            self._counts.questions += 1
        elif answer.is_success:
            self._counts.generations += 1
        elif answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._counts.refused += 1
            self._check_refusal(answer)
        else:
            self._faults[f"answered with {answer.status_code} {answer.text[:120]}"] += 1

    def _check_refusal(self, answer: httpx.Response) -> None:
        limit, _, parameters = answer.headers.get("RateLimit", "").partition(";")
        policy = limit.strip('"')
        wait = answer.headers.get("Retry-After", "")
        if policy not in self._phase.policies:
            self._faults[f"refused by {policy or 'nobody'}"] += 1
        if not wait.isdigit() or parameters != f"r=0;t={wait}":
            self._faults["refused without saying until when"] += 1
        quota = answer.headers.get("RateLimit-Policy", "")
        if policy != "budget-per-day" and not quota.startswith(f'"{policy}";q='):
            self._faults["refused without the policy"] += 1
        if answer.headers["content-type"] != "application/problem+json":
            self._faults["refused without a problem document"] += 1

    async def _all_have_ended(self) -> bool:
        return not self._number("select count(*) from ledger where finished_at is null")

    def _number(self, sql: str) -> float:
        number: float = self._plane.query(sql)[0][0]
        return number

    def _rows(self, table: str) -> float:
        return self._number(f"select count(*) from {table}")  # noqa: S608  our own names

    def _find_faults(self) -> list[str]:
        phase, counts = self._phase, self._counts
        bought = counts.generations * phase.calls_per_generation
        bought += counts.questions * CALLS_PER_QUESTION
        admitted = counts.generations + counts.questions
        expected = {
            "generations admitted": (counts.generations, phase.generations),
            "questions admitted": (counts.questions, phase.questions),
            "calls": (counts.calls, phase.calls),
            "calls, by what was admitted": (counts.calls, bought),
            "answers": (admitted + counts.refused, phase.requests),
            "generations recorded": (self._rows("generations"), counts.generations),
            "questions recorded": (self._rows("questions"), counts.questions),
            "roadmaps": (
                self._rows("roadmaps where published_at is not null"),
                counts.generations + phase.users,
            ),
            "dollars entered": (counts.entered_dollars, counts.dollars),
        }
        faults = [f"{times} times {fault}" for fault, times in self._faults.items()]
        return faults + [
            f"{name}: {is_} instead of {to_be}"
            for name, (is_, to_be) in expected.items()
            if to_be is not None and is_ != to_be
        ]
