"""The answer to a client over a limit, and the bounded queue for the database."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from src.dao import open_store
from src.dao.sqlite import file as sqlite_file
from src.dao.supabase import client as postgrest_client
from tests.api.replicas import GatedPlanner, Replica, Running, replica
from tests.support.backends import Backend, locked
from tests.support.data_plane import DataPlane
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.learners import ANA, BEN, REQUEST
from tests.support.settings import isolated_settings
from tests.support.waiting import PATIENCE_SECONDS

ALL_PARTS = 1_000
ORIGIN = {"Origin": "http://localhost:3000"}
FORMS: dict[str, dict[str, str]] = {
    "plain": {},
    "stream": {"Accept": "text/event-stream"},
    "later": {"Prefer": "respond-async"},
}
HOUR, DAY = 3_600, 86_400

# The draft: a structured list of one string with parameters; quotas and seconds are integers.
SENTENCE = re.compile(
    r"(You have|Your network has|The service has) (reached the limit of \d+ \w+|used up) .*"
    r" Try again (in \d+ (seconds?|minutes|hours)|when one of them is finished)\."
)
RATE_LIMIT = re.compile(r'"(?P<policy>[ -!#-~]+)";r=0;t=(?P<t>[1-9]\d*)')
RATE_LIMIT_POLICY = re.compile(
    r'"(?P<policy>[ -!#-~]+)";q=(?P<q>\d+)(;w=(?P<w>[1-9]\d*)|;qu="(?P<qu>concurrent-requests)")'
)

LIMITS: dict[str, tuple[str, int | None]] = {
    "generations-at-once": ("generations_at_once", None),
    "generations-per-hour": ("generations_per_hour", HOUR),
    "generations-per-day": ("generations_per_day", DAY),
    "questions-per-hour": ("questions_per_hour", HOUR),
}


def new_request(user_id: str = ANA) -> dict[str, Any]:
    return REQUEST | {"user_id": user_id, "goal": f"Learn {uuid4()}", "duration_weeks": 1}


async def make_roadmap(on: Replica, user_id: str) -> int:
    answer = await on.client.post("/generate_roadmap", json=new_request(user_id))
    assert answer.status_code == 200, answer.text
    roadmap_id: int = answer.json()["roadmap_id"]
    return roadmap_id


async def ask(
    on: Replica, user_id: str, roadmap_id: int, headers: dict[str, str] | None = None
) -> httpx.Response:
    body = {"user_id": user_id, "roadmap_id": roadmap_id, "input_data": "What comes first?"}
    return await on.client.post("/ask-assistant", json=body, headers=headers)


def assert_refused(answer: httpx.Response, policy: str, window: int | None) -> None:
    """Assert that a refusal has what people and programs need to go on."""
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:momentum-ai:problem:limit-reached"
    assert problem["status"] == 429
    assert SENTENCE.fullmatch(problem["detail"]), problem["detail"]
    assert ANA not in answer.text
    assert BEN not in answer.text

    limit = RATE_LIMIT.fullmatch(answer.headers["ratelimit"])
    assert limit is not None
    assert limit["policy"] == policy
    # Both fields say how long to wait: they agree.
    assert answer.headers["retry-after"] == limit["t"]
    assert int(limit["t"]) == pytest.approx(window or 10, abs=10 if window else 0)
    if policy == "budget-per-day":
        assert "ratelimit-policy" not in answer.headers  # there is no unit for dollars
    else:
        limits = RATE_LIMIT_POLICY.fullmatch(answer.headers["ratelimit-policy"])
        assert limits is not None
        assert (limits["policy"], limits["q"]) == (policy, "1")
        assert (limits["w"], limits["qu"]) == (
            (str(window), None) if window else (None, "concurrent-requests")
        )

    assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


# --- Over a limit -----------------------------------------------------------------------------


@pytest.mark.parametrize("of_an_address", [False, True], ids=["user", "address"])
@pytest.mark.parametrize("name", [name for name in LIMITS if name.startswith("generations")])
async def test_generation_beyond_a_limit(
    running: Running, backend: Backend, name: str, *, of_an_address: bool
) -> None:
    """It is a 429 before any planning, in every form of answer."""
    setting, window = LIMITS[name]
    limits = {setting: 1, "learners_per_address": 1}
    requester = BEN if of_an_address else ANA
    async with running(GatedPlanner(0), **limits) as on:
        first = await on.client.post(
            "/generate_roadmap", json=new_request(), headers=FORMS["later"]
        )
        assert first.status_code == 202, first.text
        for form in FORMS.values():
            answer = await on.client.post(
                "/generate_roadmap", json=new_request(requester), headers=form | ORIGIN
            )
            assert_refused(answer, f"{name}-of-an-address" if of_an_address else name, window)
            who = "Your network has" if of_an_address else "You have"
            assert answer.json()["detail"].startswith(who)
        assert backend.query("select count(*) from generations") == [(1,)]


@pytest.mark.parametrize("form", ["plain", "stream"])
@pytest.mark.parametrize("of_an_address", [False, True], ids=["user", "address"])
async def test_question_beyond_a_limit(
    running: Running, backend: Backend, form: str, *, of_an_address: bool
) -> None:
    """It is a 429 before the first word; another learner's roadmap stays a 404."""
    requester = BEN if of_an_address else ANA
    async with running(questions_per_hour=1, learners_per_address=1) as on:
        roadmap_id = await make_roadmap(on, ANA)
        asked_about = await make_roadmap(on, requester)
        assert (await ask(on, ANA, roadmap_id)).status_code == 200
        answer = await ask(on, requester, asked_about, FORMS[form] | ORIGIN)
        name = "questions-per-hour"
        assert_refused(answer, f"{name}-of-an-address" if of_an_address else name, HOUR)
        assert (await ask(on, requester, 999_999)).status_code == 404
        assert backend.query("select count(*) from questions") == [(1,)]


async def test_generation_beyond_the_budget(running: Running) -> None:
    """The longer a plan, the more is reserved for it; without room there is no generation."""
    async with running(
        GatedPlanner(0),
        openai_api_key="key",
        reserved_dollars_per_week=0.25,
        daily_budget_dollars=0.5,
        address_budget_share=1,
    ) as on:

        async def assert_all_refused(body: dict[str, Any]) -> None:
            for form in FORMS.values():
                answer = await on.client.post("/generate_roadmap", json=body, headers=form | ORIGIN)
                assert_refused(answer, "budget-per-day", DAY)

        await assert_all_refused(new_request() | {"duration_weeks": 3})
        fits = new_request() | {"duration_weeks": 2}
        accepted = await on.client.post("/generate_roadmap", json=fits, headers=FORMS["later"])
        assert accepted.status_code == 202
        await assert_all_refused(new_request(BEN))


@pytest.mark.parametrize("form", ["plain", "stream"])
async def test_question_beyond_the_budget(running: Running, backend: Backend, form: str) -> None:
    """No model is asked: there is none behind the key of this test."""
    async with running(
        GatedPlanner(ALL_PARTS),
        openai_api_key="key",
        openai_base_url="http://127.0.0.1:9/v1",
        reserved_dollars_per_week=0.001,
        reserved_dollars_per_question=0.005,
        daily_budget_dollars=0.004,
        address_budget_share=1,
    ) as on:
        answer = await ask(on, ANA, await make_roadmap(on, ANA), FORMS[form] | ORIGIN)
        assert_refused(answer, "budget-per-day", DAY)
        assert backend.query("select count(*) from questions") == [(0,)]


async def test_offline_needs_no_budget(running: Running, backend: Backend) -> None:
    """Without a model nothing costs money, and no request is refused for it."""
    async with running(daily_budget_dollars=0) as on:
        assert (await ask(on, ANA, await make_roadmap(on, ANA))).status_code == 200
        assert backend.query("select sum(dollars) from ledger") == [(0,)]


async def test_reading_is_not_limited(running: Running) -> None:
    """A learner over every limit still reads, ticks off and deletes."""
    async with running(**dict.fromkeys((setting for setting, _ in LIMITS.values()), 1)) as on:
        roadmap_id = await make_roadmap(on, ANA)
        assert (await ask(on, ANA, roadmap_id)).status_code == 200
        assert (await ask(on, ANA, roadmap_id)).status_code == 429
        tasks = (await on.client.get(f"/roadmap/{roadmap_id}")).json()["tasks"]
        done = {"task_id": tasks[0]["id"], "completed": True}
        assert (await on.client.post("/task/update", json=done)).status_code == 200
        path = f"/roadmap/{roadmap_id}?user_id={ANA}"
        assert (await on.client.delete(path)).status_code == 200


@pytest.mark.long(3)
async def test_ordinary_learners_never_meet_the_defaults(running: Running) -> None:
    """Nor does a family that shares an address, on the evening on which all discover the service.

    Three roadmaps at once, a dozen in an hour, and a question a minute are much for one learner.
    """
    async with running() as on:
        for user_id in (str(uuid4()) for _ in range(4)):
            for _ in range(4):
                roadmaps = await asyncio.gather(*(make_roadmap(on, user_id) for _ in range(3)))
            answers = [await ask(on, user_id, roadmaps[0]) for _ in range(20)]
            assert {answer.status_code for answer in answers} == {200}


# --- The queue for the database ---------------------------------------------------------------


Requests = list["asyncio.Task[httpx.Response]"]


async def hang(on: Replica, count: int, method: str, path: str, **sent: Any) -> Requests:  # noqa: ANN401
    requests = [asyncio.create_task(on.client.request(method, path, **sent)) for _ in range(count)]
    await asyncio.sleep(0.5)  # until the last of them waits
    return requests


async def assert_overloaded(
    on: Replica,
    hanging: Requests,
    method: str,
    path: str,
    **sent: Any,  # noqa: ANN401
) -> None:
    """Assert that a request is refused before any of those that hang has an answer."""
    answer = await on.client.request(method, path, **sent)
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "urn:momentum-ai:problem:database-overloaded"
    assert answer.headers["retry-after"] == "1"
    assert not any(request.done() for request in hanging)


async def test_sqlite_refuses_beyond_its_queue_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While another process holds the lock; then all that waited is done, work under way too."""
    settings = isolated_settings(
        monkeypatch, sqlite_path=tmp_path / "momentum.db", store_queue_size=2
    )
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    planner = GatedPlanner(1)
    async with replica(settings, await open_store(settings), planner) as on:
        making = asyncio.create_task(on.client.post("/generate_roadmap", json=new_request()))
        await planner.at_the_gate()
        with locked(settings.sqlite_path):
            update = {"task_id": str(uuid4()), "completed": True}
            places = (sqlite_file.THREADS + settings.store_queue_size) // 2
            hanging = await hang(on, places, "POST", "/task/update", json=update)
            planner.gate.set()  # now it writes its parts and its roadmap
            for _ in range(3):
                await assert_overloaded(on, hanging, "POST", "/task/update", json=update)
                # The other half is for reads.
                assert (await on.client.get("/roadmaps", params={"user_id": BEN})).json() == []
        assert {answer.status_code for answer in await asyncio.gather(*hanging)} == {404}
        assert (await making).status_code == 200
        assert (await on.client.get("/roadmaps", params={"user_id": BEN})).status_code == 200


async def test_supabase_refuses_beyond_its_queue_at_once(
    monkeypatch: pytest.MonkeyPatch, data_plane: DataPlane, fault_proxy: FaultProxy
) -> None:
    """While it hangs; then all that waited is served, and what was under way is not refused."""
    monkeypatch.setattr(postgrest_client, "POOL_SIZE", 4)
    settings = isolated_settings(
        monkeypatch,
        supabase_url=fault_proxy.url,
        supabase_service_role_key=data_plane.service_key,
        store_queue_size=2,
    )
    planner = GatedPlanner(1)
    async with replica(settings, await open_store(settings), planner) as on:
        making = asyncio.create_task(on.client.post("/generate_roadmap", json=new_request()))
        await planner.at_the_gate()
        reads = ("list_roadmaps", "read_documents")
        fault_proxy.inject(Fault.DELAY, lambda exchange: exchange.path.endswith(reads))
        places = postgrest_client.POOL_SIZE + settings.store_queue_size
        hanging = await hang(on, places, "GET", "/roadmaps", params={"user_id": ANA})
        planner.gate.set()
        for _ in range(3):
            await assert_overloaded(on, hanging, "GET", "/roadmaps", params={"user_id": BEN})
        fault_proxy.release()
        assert {answer.status_code for answer in await asyncio.gather(*hanging)} == {200}
        assert (await making).status_code == 200
        fault_proxy.reset()
        assert (await on.client.get("/roadmaps", params={"user_id": BEN})).status_code == 200
