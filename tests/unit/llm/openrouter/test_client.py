"""What the client sends beyond the question, what it counts, and how it treats thinking."""

import pytest

from src.domain.errors import ModelOutputError, ModelUnavailableError
from src.domain.plan import ModelUsage
from src.llm.openrouter.chunks import Chunk
from src.llm.openrouter.usage import UsageMeter
from tests.support.scripted_server import Answer, always, chunk, event, streamed, text_answer
from tests.unit.llm.openrouter.conftest import SECRET_KEY, Serve


def test_calls_that_reported_their_cost_are_counted() -> None:
    """A call counts once, by its last usage; one without a cost, or cut off, is not priced."""
    meter = UsageMeter("m", retries_left=0, calls=5)
    for call, reported in (
        (1, {"cost": 0.25}),
        (2, {"cost": 0}),
        (2, {"cost": 0.125}),
        (2, {"cost": 0.5}),
        (2, {}),
        (3, {}),
        (3, {"cost": None}),
        (4, {"cost": -1}),
    ):
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, **reported}
        meter.record_chunk(call, Chunk(usage=usage))
    total = meter.usage()
    assert (total.calls, total.priced_calls, total.cost_dollars) == (5, 2, 0.75)
    assert (total.prompt_tokens, total.completion_tokens) == (4 * 3, 4 * 4)
    both = total.plus(ModelUsage(model="m", calls=3, priced_calls=1))
    assert (both.calls, both.priced_calls) == (8, 3)


async def test_variables_of_the_sdk_reach_no_server(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads them by itself; our settings alone say what is sent."""
    for name in ("API_KEY", "ORG_ID", "PROJECT_ID", "ADMIN_KEY", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", "from-the-shell")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Custom: from-the-shell")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/from-the-shell")
    async with serve(always(text_answer("{}"))) as scripted:
        await scripted.ask()
        (request,) = scripted.server.requests
    assert "from-the-shell" not in str(request)
    assert request.headers["authorization"] == f"Bearer {SECRET_KEY}"
    assert request.headers["x-openrouter-title"] == "Momentum-AI"


async def test_bad_end_comes_after_all_of_the_text(serve: Serve) -> None:
    """The caller knows whether the text is complete all the same."""
    endings = {
        "error": streamed(chunk('{"a":1}'), chunk(finish_reason="error")),
        "length": streamed(chunk('{"a":1}'), chunk(finish_reason="length")),
        "connection": Answer([event(chunk('{"a":1}'))], is_cut=True),
    }
    for name, answer in endings.items():
        async with serve(always(answer)) as scripted:
            pieces, failure = await scripted.pieces()
            assert "".join(pieces) == '{"a":1}', name
            assert isinstance(failure, ModelUnavailableError | ModelOutputError), name


async def test_thinking_in_the_text_is_no_answer(serve: Serve) -> None:
    """With and without its opening mark, in prose and beside JSON."""
    for thought in ("<think>Hm.</think>", "Hm.</think>"):
        answer = streamed(*map(chunk, (*thought, "{}")), chunk(finish_reason="stop"))
        async with serve(always(answer)) as scripted:
            assert await scripted.ask() == "{}"
            assert await scripted.ask(shape=None) == "{}"
            assert await scripted.ask(shape=None) == "{}"


async def test_prose_streams_once_its_thinking_is_known_to_be_marked(serve: Serve) -> None:
    """The first answer is held back until its end; the next ones arrive piece by piece."""
    answer = streamed(chunk("One. "), chunk("Two. "), chunk(finish_reason="stop"))
    async with serve(always(answer)) as scripted:
        counts = []
        for _ in range(2):
            pieces, _ = await scripted.pieces(shape=None)
            assert "".join(pieces) == "One. Two. "
            counts.append(len(pieces))
        assert counts[0] < counts[1] == 2


async def test_more_output_than_was_requested_is_refused(serve: Serve) -> None:
    async with serve(lambda _: streamed(chunk("x" * 61))) as scripted:
        with pytest.raises(ModelOutputError):
            await scripted.ask(max_tokens=10, retries=0)
