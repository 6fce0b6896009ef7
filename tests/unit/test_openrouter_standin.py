"""The OpenRouter stand-in, asked through the SDK that the service uses."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import openai
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from src.domain.plan import Outline, PlannedWeek, PlanRequest
from src.domain.plan_rules import outline_violations, same_text_key, tasks_for_day
from tests.support.plans import week_violations
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.standin.answers import Wanted, answer_text, find_wanted
from tests.support.standin.completion import schema_problem
from tests.support.standin.misbehaviours import MISBEHAVIOURS, Reply

GOAL = 'Learn {"kind": "Rust"} by building\na parser'
REQUEST = PlanRequest(goal=GOAL, duration_weeks=52, daily_hours=4, level="advanced")
OUTLINE = {"kind": "outline", **REQUEST.model_dump(mode="json")}
WEEK = OUTLINE | {
    "kind": "week",
    "week_number": 3,
    "week_goal": "Own and borrow",
    "focus": ["ownership", "lifetimes {0}"],
    "previous_goal": None,
    "next_goal": "Traits",
}
QUESTION = {"kind": "question", "question": "What now?"}
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
JSON_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "week", "strict": True, "schema": SCHEMA},
}

HANGING = {"silence", "blank_drip"}
NO_ANSWER = {"closed_connection", "cut_connection"}
NO_COMPLETION = {"error_in_200", "html_200", "mid_stream_error"}
ONLY_WITH_SCHEMA = {"reject_json_schema", "reject_json_schema_500"}
ENDINGS = {"cut_output": "length", "content_filter": "content_filter", "finish_error": "error"}
STATUSES = {name for name in MISBEHAVIOURS if name.startswith("status_")}
TASKS_ONLY = {"thousands_of_tasks", "unknown_vocabulary", "too_many_tasks", "empty_day"}
SPOILT_TEXT = (
    MISBEHAVIOURS.keys()
    - HANGING
    - NO_ANSWER
    - NO_COMPLETION
    - ONLY_WITH_SCHEMA
    - ENDINGS.keys()
    - STATUSES
    - {"slow_first_token"}
)


@pytest.fixture
async def standin() -> AsyncIterator[OpenRouterStandIn]:
    async with OpenRouterStandIn(pace=Pace(slow_first_token=0.4)) as standin:
        yield standin


@pytest.fixture
async def client(standin: OpenRouterStandIn) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=standin.base_url, api_key=standin.api_key, max_retries=0, timeout=5
    ) as client:
        yield client


def _arguments(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": "openai/gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "You plan."},
            {"role": "user", "content": f"The facts:\n\n{json.dumps(facts)}\n\nPlan it."},
        ],
    }


async def _plain(client: AsyncOpenAI, facts: dict[str, Any], **more: object) -> ChatCompletion:
    answer = await client.chat.completions.create(**_arguments(facts), **cast("Any", more))
    return cast("ChatCompletion", answer)


async def _stream(
    client: AsyncOpenAI, facts: dict[str, Any], **more: object
) -> AsyncStream[ChatCompletionChunk]:
    answer = await client.chat.completions.create(
        **_arguments(facts),
        stream=True,
        stream_options={"include_usage": True},
        **cast("Any", more),
    )
    return cast("AsyncStream[ChatCompletionChunk]", answer)


async def _streamed(
    client: AsyncOpenAI, facts: dict[str, Any], **more: object
) -> tuple[str, str | None]:
    text, finish_reason = "", None
    async for chunk in await _stream(client, facts, **more):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish_reason = choice.finish_reason or finish_reason
    return text, finish_reason


async def _collect(
    stream: AsyncStream[ChatCompletionChunk], chunks: list[ChatCompletionChunk]
) -> None:
    """Keep the chunks that came before an error."""
    async for chunk in stream:
        chunks.append(chunk)  # noqa: PERF401  a comprehension would lose them


async def _until_client_left(standin: OpenRouterStandIn) -> None:
    async with asyncio.timeout(5):
        # The record belongs to another thread, so there is no event to wait for.
        while not any(call.ended_at for call in standin.calls.all()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert all(call.client_left for call in standin.calls.all())


# --- Good answers ---------------------------------------------------------------------------


def test_a_whole_plan_keeps_the_rules() -> None:
    """Outline and all 52 weeks satisfy the product's rules, with no task twice in the roadmap."""
    outline = Outline.model_validate_json(answer_text(Wanted("outline", OUTLINE)))
    assert outline_violations(outline, REQUEST) == []
    taken: set[str] = set()
    for week in outline.weeks:
        facts = WEEK | {"week_number": week.week_number, "focus": week.focus}
        answer = json.loads(answer_text(Wanted("week", facts)))
        planned = PlannedWeek(goal=week.goal, **answer)
        assert week_violations(planned, week.week_number, REQUEST, frozenset(taken)) == []
        tasks = [task for day in planned.days for task in day.tasks]
        assert len(tasks) == 7 * tasks_for_day("advanced", 4)
        assert all(8 <= len(task.text.split()) <= 25 for task in tasks)
        taken |= {same_text_key(task.text) for task in tasks}


@pytest.mark.parametrize(("facts", "kind"), [(OUTLINE, "outline"), (WEEK, "week")])
async def test_streamed_and_plain_answers_are_the_same(
    client: AsyncOpenAI, facts: dict[str, Any], kind: str
) -> None:
    """A stream carries what the plain answer holds, and both are what was asked for."""
    plain = await _plain(client, facts)
    text, finish_reason = await _streamed(client, facts, response_format=JSON_SCHEMA)
    assert text == plain.choices[0].message.content == answer_text(Wanted(kind, facts))
    assert finish_reason == plain.choices[0].finish_reason == "stop"


async def test_usage_and_cost_come_last(client: AsyncOpenAI) -> None:
    """The last chunk of a stream has no choice, and counts tokens and cost."""
    chunks = [chunk async for chunk in await _stream(client, WEEK)]
    usage = chunks[-1].usage
    assert chunks[-1].choices == []
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 1_000
    assert usage.model_dump()["cost"] > 0
    assert chunks[0].model == "openai/gpt-4o-mini"
    assert chunks[0].model_dump()["provider"] == "StandIn"


def test_a_repair_is_answered_by_what_it_repairs() -> None:
    """The latest stated request counts, behind a bad answer and the list of its problems."""
    messages = [
        *_arguments(OUTLINE)["messages"],
        *_arguments(WEEK)["messages"],
        {"role": "assistant", "content": '{"weeks": [{"days": [{'},
        {"role": "user", "content": json.dumps({"kind": "repair", "problems": ["Day 2 {"]})},
    ]
    assert find_wanted({"messages": messages}) == Wanted("week", WEEK)


async def test_questions_get_plain_text(client: AsyncOpenAI) -> None:
    """A question is answered in prose."""
    text, _ = await _streamed(client, QUESTION)
    assert text
    assert not text.startswith("{")


async def test_output_stops_at_the_limit(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """Output is cut at the model's limit or at `max_tokens`, whichever is less."""
    text, finish_reason = await _streamed(client, WEEK, max_tokens=100)
    assert (len(text), finish_reason) == (400, "length")
    standin.pace.max_output_tokens = 50
    plain = await _plain(client, WEEK, max_tokens=100)
    assert len(plain.choices[0].message.content or "") == 200


async def test_pace(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """The first token and the rate of the rest are what the pace says, for every stream alike."""
    standin.pace = Pace(first_token=0.2, tokens_per_second=1_000)
    await asyncio.gather(*(_streamed(client, WEEK, max_tokens=300) for _ in range(5)))
    for call in standin.calls.all():
        assert call.ended_at is not None
        assert 0.5 <= call.ended_at - call.started_at < 1.5


async def test_sixty_streams_at_once(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """Many streams run side by side, and the record says how many."""
    standin.pace = Pace(first_token=0.5)
    facts = [WEEK | {"week_number": number} for number in range(1, 61)]
    answers = await asyncio.gather(*(_streamed(client, each) for each in facts))
    assert [json.loads(text)["week_number"] for text, _ in answers] == list(range(1, 61))
    assert standin.calls.concurrent_peak == 60
    assert standin.calls.active == 0


async def test_calls_are_recorded(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """The record tells what was asked, how, and that the client stayed to the end."""
    await _streamed(
        client,
        WEEK,
        response_format=JSON_SCHEMA,
        extra_headers={"HTTP-Referer": "https://example.org", "X-OpenRouter-Title": "Momentum"},
        extra_body={"models": ["a", "b"]},
    )
    [call] = standin.calls.all()
    assert (call.kind, call.week_number, call.response_format) == ("week", 3, "json_schema")
    assert (call.stream, call.status, call.client_left) == (True, 200, False)
    assert call.headers["http-referer"] == "https://example.org"
    assert call.headers["x-openrouter-title"] == "Momentum"
    assert call.body["models"] == ["a", "b"]
    assert call.messages == _arguments(WEEK)["messages"]


async def test_wrong_keys_are_refused(standin: OpenRouterStandIn) -> None:
    """A wrong key is refused, unless the stand-in does not check keys."""
    async with AsyncOpenAI(base_url=standin.base_url, api_key="x", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await _plain(client, WEEK)
        assert caught.value.body == {"code": 401, "message": "No auth credentials found"}
        standin.check_key = False
        assert (await _plain(client, WEEK)).choices


def test_schemas_that_openai_refuses() -> None:
    """A strict schema must close its objects and require every property."""
    assert schema_problem(JSON_SCHEMA) is None
    for bad in (SCHEMA | {"additionalProperties": True}, SCHEMA | {"properties": {"a": {}}}):
        wanted = {"name": "week", "strict": True, "schema": {"$defs": {"Day": bad}}}
        assert schema_problem({"type": "json_schema", "json_schema": wanted})


# --- Misbehaviours --------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", sorted(SPOILT_TEXT))
async def test_spoilt_text(
    client: AsyncOpenAI, standin: OpenRouterStandIn, name: str, *, stream: bool
) -> None:
    """A spoilt answer ends like a good one, but is another text, and only once if so told."""
    standin.script.fail_next(name)
    texts: list[str] = []
    for _ in range(2):
        if stream:
            text, finish_reason = await _streamed(client, WEEK)
        else:
            choice = (await _plain(client, WEEK)).choices[0]
            text, finish_reason = choice.message.content or "", choice.finish_reason
        # Thousands of tasks reach the output limit; all else ends by itself.
        cut = name == "thousands_of_tasks" and not texts
        assert finish_reason == ("length" if cut else "stop")
        texts.append(text)
    good = answer_text(Wanted("week", WEEK))
    assert texts[0] != good
    assert texts[1] == good


@pytest.mark.parametrize("weeks", [1, 2, 52])
@pytest.mark.parametrize("name", sorted(SPOILT_TEXT - TASKS_ONLY))
def test_spoilt_outlines(name: str, weeks: int) -> None:
    """Whatever spoils an outline spoils also the shortest, but one goal cannot repeat itself."""
    wanted = Wanted("outline", OUTLINE | {"duration_weeks": weeks})
    good = answer_text(wanted)
    spoilt = MISBEHAVIOURS[name](Reply(good), wanted).content
    assert (spoilt == good) == (name == "duplicate_tasks" and weeks == 1)


@pytest.mark.parametrize(("name", "finish_reason"), ENDINGS.items())
async def test_endings(
    client: AsyncOpenAI, standin: OpenRouterStandIn, name: str, finish_reason: str
) -> None:
    """Half the answer comes, and the finish reason says why."""
    standin.script.fail_always(name)
    plain = (await _plain(client, WEEK)).choices[0]
    text, streamed_reason = await _streamed(client, WEEK)
    assert plain.finish_reason == streamed_reason == finish_reason
    assert plain.message.content == text
    assert len(text) == len(answer_text(Wanted("week", WEEK))) // 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", sorted(STATUSES))
async def test_statuses(
    client: AsyncOpenAI, standin: OpenRouterStandIn, name: str, *, stream: bool
) -> None:
    """An error status carries OpenRouter's error, before any stream begins."""
    standin.script.fail_always(name)
    with pytest.raises(openai.APIStatusError) as caught:
        await (_stream if stream else _plain)(client, WEEK)
    status = int(name.split("_")[1])
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["code"] == status
    wait = {"status_429": "1", "status_429_forever": "3600"}.get(name)
    assert caught.value.response.headers.get("retry-after") == wait


@pytest.mark.parametrize(("name", "status"), [("", 400), ("_500", 500)])
async def test_schema_is_rejected(
    client: AsyncOpenAI, standin: OpenRouterStandIn, name: str, status: int
) -> None:
    """A server without JSON schemas refuses them and answers all else."""
    standin.script.fail_always(f"reject_json_schema{name}")
    with pytest.raises(openai.APIStatusError) as caught:
        await _stream(client, WEEK, response_format=JSON_SCHEMA)
    assert caught.value.status_code == status
    assert (await _streamed(client, WEEK, response_format={"type": "json_object"}))[1] == "stop"


async def test_errors_inside_success(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """An error inside a 200 is an answer without choices, or the first event of a stream."""
    standin.script.fail_always("error_in_200")
    plain = (await _plain(client, WEEK)).model_dump()
    assert plain["choices"] is None
    assert plain["error"]["code"] == 502
    with pytest.raises(openai.APIError, match="Provider returned error"):
        await _streamed(client, WEEK)


async def test_a_page_inside_success(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """A page comes as text, and as a stream without a chunk."""
    standin.script.fail_always("html_200")
    assert isinstance(cast("object", await _plain(client, WEEK)), str)
    assert await _streamed(client, WEEK) == ("", None)


async def test_an_error_in_mid_stream(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """The error comes after half the answer."""
    standin.script.fail_always("mid_stream_error")
    plain = (await _plain(client, WEEK)).model_dump()
    assert plain["choices"][0]["finish_reason"] == "error"
    chunks: list[ChatCompletionChunk] = []
    stream = await _stream(client, WEEK)
    with pytest.raises(openai.APIError, match="Provider disconnected"):
        await _collect(stream, chunks)
    assert chunks


async def test_broken_connections(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """A closed connection answers nothing; a cut one breaks after some chunks."""
    standin.script.fail_next("closed_connection", times=2)
    for ask in (_plain, _stream):
        with pytest.raises(openai.APIConnectionError):
            await ask(client, WEEK)
    standin.script.fail_next("cut_connection", times=2)
    with pytest.raises(openai.APIConnectionError):
        await _plain(client, WEEK)
    chunks: list[ChatCompletionChunk] = []
    stream = await _stream(client, WEEK)
    with pytest.raises(openai.APIConnectionError):
        await _collect(stream, chunks)
    assert len(chunks) > 1
    assert (await _streamed(client, WEEK))[1] == "stop"


@pytest.mark.parametrize("ask", [_plain, _streamed])
@pytest.mark.parametrize("name", sorted(HANGING))
async def test_endless_waits(
    client: AsyncOpenAI,
    standin: OpenRouterStandIn,
    name: str,
    ask: Any,  # noqa: ANN401
) -> None:
    """No read of the client's times out under a drip; its leaving is noticed and recorded."""
    standin.script.fail_always(name)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await ask(client, WEEK, timeout=0.4 if name == "blank_drip" else 5)
    await _until_client_left(standin)
    [call] = standin.calls.all()
    assert call.client_left
    assert standin.calls.active == 0


async def test_a_client_leaves_in_mid_stream(
    client: AsyncOpenAI, standin: OpenRouterStandIn
) -> None:
    """Closing a stream early ends the call at once."""
    standin.pace = Pace(tokens_per_second=50)
    stream = await _stream(client, WEEK)
    async for _ in stream:
        break
    await stream.close()
    await _until_client_left(standin)


async def test_slow_first_token(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """The answer is good, but late."""
    standin.script.fail_always("slow_first_token")
    assert (await _streamed(client, WEEK))[1] == "stop"
    [call] = standin.calls.all()
    assert call.ended_at is not None
    assert call.ended_at - call.started_at >= 0.4


# --- Control --------------------------------------------------------------------------------


async def test_rules_choose_their_calls(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """A rule befalls only the kind and week that it names, as often as it says."""
    standin.script.fail_when("empty_content", kind="week", week=3, times=1)
    other = WEEK | {"week_number": 4}
    lengths = [len((await _streamed(client, facts))[0]) for facts in (OUTLINE, other, WEEK, WEEK)]
    assert [length == 0 for length in lengths] == [False, False, True, False]
    assert [call.misbehaviour for call in standin.calls.all()].count("empty_content") == 1


def test_a_share_is_spoilt_whatever_the_order(standin: OpenRouterStandIn) -> None:
    """The same calls are spoilt in any order, about as many as the share says."""
    weeks = [Wanted("week", WEEK | {"week_number": number}) for number in range(1, 501)]
    drawn = []
    for order in (weeks, weeks[::-1]):
        standin.reset()
        standin.script.spoil(0.2, ["status_500", "fenced_json"], seed=7)
        drawn.append({week.week_number: standin.script.choose(week) for week in order})
    assert drawn[0] == drawn[1]
    counts = Counter(drawn[0].values())
    assert 70 < 500 - counts[None] < 130
    assert len(counts) == 3


def test_unknown_names_are_refused(standin: OpenRouterStandIn) -> None:
    """A misspelt misbehaviour is an error rather than a test that proves nothing."""
    with pytest.raises(ValueError, match="unknown misbehaviour 'status_999'"):
        standin.script.fail_always("status_999")


async def test_control_over_http(client: AsyncOpenAI, standin: OpenRouterStandIn) -> None:
    """Other processes can script, read and reset the stand-in."""
    async with httpx.AsyncClient(base_url=standin.url) as control:
        script = {
            "rules": [{"name": "status_402", "kind": "week", "times": 1}],
            "spoil": {"share": 1, "names": ["json_null"]},
            "pace": {"first_token": 0.01},
        }
        assert (await control.post("/_control/script", json=script)).status_code == 200
        with pytest.raises(openai.APIStatusError):
            await _plain(client, WEEK)
        assert (await _streamed(client, WEEK))[0] == "null"
        record = (await control.get("/_control/calls")).json()
        assert [call["status"] for call in record["calls"]] == [402, 200]
        assert record["concurrent_peak"] == 1
        bad_scripts: list[object] = [
            {"rules": [{"name": "x"}]},
            {"spoil": {"share": 1}},
            {"pace": {"x": 1}},
            [],
        ]
        for bad in bad_scripts:
            assert (await control.post("/_control/script", json=bad)).status_code == 400
        await control.post("/_control/reset")
        assert (await _streamed(client, WEEK))[1] == "stop"
        assert len(standin.calls.all()) == 1
