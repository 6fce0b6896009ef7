"""Every text comes back as it was written, through the whole application, on either store."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import httpx
import pytest

from api import create_app
from tests.support.backends import Backend
from tests.support.learners import ANA, roadmap_request
from tests.support.settings import isolated_settings
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.standin.calls import Call
from tests.support.standin.completion import Completion
from tests.support.standin.misbehaviours import Reply
from tests.support.texts import SAMPLES, Sample

TASKS_PER_DAY = 6
"""Of an advanced roadmap with eight hours a day."""


class WritingCompletion(Completion):
    """Plans with the texts of the goal, a line each, and answers a question with itself."""

    texts: Sequence[str] = ()

    def __init__(self, call: Call, reply: Reply, pace: Pace) -> None:
        if call.kind == "question":
            content = call.facts["question"]
        else:
            answer = json.loads(reply.content)
            for week in answer.get("weeks", ()):
                week |= {"goal": self.texts[0], "focus": list(self.texts[1:3])}
            for day in answer.get("days", ()):
                left = self.texts[(day["day"] - 1) * TASKS_PER_DAY :]
                for task, text in zip(day["tasks"], left, strict=False):
                    task["text"] = text
            content = json.dumps(answer)
        super().__init__(call, replace(reply, content=content), pace)


class WritingStandIn(OpenRouterStandIn):
    completion = WritingCompletion


@pytest.fixture
def standin() -> Iterator[OpenRouterStandIn]:
    # In pieces that cut URLs, emoji and words.
    with WritingStandIn(pace=Pace(chunk=31)) as standin:
        yield standin


@pytest.fixture
async def client(
    standin: OpenRouterStandIn, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    settings = isolated_settings(
        monkeypatch, openai_api_key=standin.api_key, openai_base_url=standin.base_url
    )
    app = create_app(settings, store=await backend.open())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api.test", timeout=60
        ) as client,
    ):
        yield client


def portions() -> Iterator[list[Sample]]:
    """Yield all samples in portions that fit one week's tasks, and one goal."""
    portion: list[Sample] = []
    for sample in SAMPLES:
        length = sum(len(each.text) + 1 for each in [*portion, sample])
        if length > 2_000 or len(portion) == 7 * TASKS_PER_DAY:
            yield portion
            portion = []
        portion.append(sample)
    yield portion


@pytest.mark.long(2)
async def test_texts_come_back(
    client: httpx.AsyncClient, standin: OpenRouterStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goals and questions as they are, tasks and answers but for what the rule removes."""
    seen = 0
    for portion in portions():
        monkeypatch.setattr(WritingCompletion, "texts", [sample.text for sample in portion])
        standin.calls.reset()
        written = "\n".join(sample.text for sample in portion)
        roadmap = await make_roadmap(client, written)
        tasks = (await client.get(f"/roadmap/{roadmap}")).json()["tasks"]
        assert [task["task_text"] for task in tasks[: len(portion)]] == [
            sample.line for sample in portion
        ]
        assert {task["weekly_goal"] for task in tasks} == {portion[0].line}
        answer = await client.post(
            "/ask-assistant", json={"user_id": ANA, "roadmap_id": roadmap, "input_data": written}
        )
        assert answer.json()["response"] == "\n".join(sample.prose for sample in portion)
        calls = {call.kind: call for call in standin.calls.all()}
        assert len(standin.calls.all()) == 4  # none was repeated
        assert calls["outline"].facts["goal"] == written
        assert calls["question"].facts["question"] == written
        seen += len(portion)
    assert seen == len(SAMPLES)


async def make_roadmap(client: httpx.AsyncClient, goal: str) -> int:
    """Make a roadmap with this goal, and expect it back and in the list as it was written."""
    request = roadmap_request(goal=goal, duration_weeks=1, daily_hours=8, level="advanced")
    roadmap = (await client.post("/generate_roadmap", json=request)).json()
    listed = (await client.get("/roadmaps", params={"user_id": ANA})).json()
    assert roadmap["description"] == listed[0]["description"] == goal
    roadmap_id: int = roadmap["roadmap_id"]
    return roadmap_id
