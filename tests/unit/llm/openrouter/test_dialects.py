"""Servers of many dialects on real sockets: what the client finds out, and what that costs.

The errors are quoted from the documents and reports at the addresses beside them.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from src.domain.errors import (
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
)
from tests.support.scripted_server import (
    Answer,
    always,
    chunk,
    error,
    streamed,
    text_answer,
)
from tests.unit.llm.openrouter.conftest import GOAL, SECRET_KEY, Serve

Body = dict[str, Any]
Refuses = Callable[[Body], bool]


def openai_error(message: str, **fields: object) -> Body:
    defaults = {"type": "invalid_request_error", "param": None, "code": None}
    return {"error": {"message": message} | defaults | fields}


def openrouter_error(raw: object, provider: str, code: int = 400) -> Body:
    metadata = {"raw": json.dumps(raw), "provider_name": provider}
    return {
        "error": {"message": "Provider returned error", "code": code, "metadata": metadata},
        "user_id": "user_1",
    }


def has(name: str) -> Refuses:
    return lambda body: name in body


def format_is(*types: str) -> Refuses:
    return lambda body: (body.get("response_format") or {}).get("type") in types


def has_word(word: str) -> Refuses:
    return lambda body: word in json.dumps(body.get("response_format"))


def has_system(body: Body) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def asks_for_more_than(most: int) -> Refuses:
    return lambda body: body.get("max_tokens", 0) > most


DIALECTS: dict[str, tuple[Refuses, int, Body, int]] = {
    # What the server refuses, how it says that, and the extra calls of a first contact.
    # https://github.com/microsoft/clarity-agent/issues/59
    "openai o-series, azure: max_completion_tokens": (
        has("max_tokens"),
        400,
        openai_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
        1,
    ),
    # https://github.com/BerriAI/litellm/issues/11696
    "azure mistral: stream_options, nested": (
        has("stream_options"),
        422,
        {
            "error": {
                "code": "Invalid input",
                "message": json.dumps(
                    {
                        "detail": [
                            {
                                "type": "extra_forbidden",
                                "loc": ["body", "stream_options", "include_usage"],
                                "msg": "Extra inputs are not permitted",
                                "input": True,
                            }
                        ]
                    }
                ),
                "status": 422,
            }
        },
        1,
    ),
    # https://github.com/CherryHQ/cherry-studio/issues/9214
    "azure foundry: extra parameters": (
        has("stream_options"),
        400,
        {
            "detail": "Extra parameters ['stream_options'] are not allowed when extra-parameters is"
            " not set or set to be 'error'."
        },
        1,
    ),
    # https://github.com/vllm-project/vllm/pull/2964
    "vllm gemma: system role": (
        has_system,
        400,
        {
            "object": "error",
            "message": "System role not supported",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        1,
    ),
    # https://github.com/musistudio/claude-code-router/issues/338
    "openrouter, cerebras: minItems": (
        has_word("minItems"),
        400,
        openrouter_error(
            {
                "message": 'Unsupported JSON schema fields: ["items", "minItems"]',
                "type": "invalid_request_error",
                "param": "response_format",
                "code": "wrong_api_format",
            },
            "Cerebras",
        ),
        1,
    ),
    "openai: no schemas": (
        format_is("json_schema"),
        400,
        openai_error(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this"
            " model.",
            param=None,
        ),
        1,
    ),
    "deepseek: this type is unavailable": (
        format_is("json_schema"),
        400,
        openai_error("This response_format type is unavailable now"),
        1,
    ),
    "fastapi: the types that it knows": (
        format_is("json_schema"),
        422,
        {
            "detail": [
                {
                    "type": "literal_error",
                    "loc": ["body", "response_format", "type"],
                    "msg": "Input should be 'text' or 'json_object'",
                    "input": "json_schema",
                }
            ]
        },
        1,
    ),
    "fastapi: no response_format at all": (
        has("response_format"),
        422,
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "response_format"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
        1,
    ),
    "llama.cpp: a grammar that does not parse": (
        has_word("minItems"),
        400,
        {"error": {"code": 400, "message": "failed to parse grammar", "type": "server_error"}},
        1,
    ),
    # https://github.com/skapadia3214/groq-moa/issues/8
    "groq: a smaller answer": (
        asks_for_more_than(800),
        400,
        openai_error("max_tokens for `m` must be less than or equal to 800"),
        1,
    ),
    "openai: too large": (
        asks_for_more_than(1_024),
        400,
        openai_error(
            "max_tokens is too large: 2000. This model supports at most 1024 completion tokens",
            param="max_tokens",
            code="invalid_value",
        ),
        1,
    ),
    # https://github.com/ogx-ai/ogx/issues/4534
    "vllm: a small context": (
        asks_for_more_than(1_480),
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, you requested"
            " 2568 tokens (568 in the messages, 2000 in the completion). Please reduce the length"
            " of the messages or completion.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        1,
    ),
    # https://github.com/vllm-project/vllm/pull/33425
    "vllm: a small context, newer words": (
        asks_for_more_than(1_480),
        400,
        {
            "error": {
                "message": "This model's maximum context length is 2048 tokens. However, your"
                " request has 568 input tokens plus 2000 'max_tokens'. Please reduce one or the"
                " other. (parameter=input_tokens, max_tokens, value=(568, 2000))",
                "type": "BadRequestError",
                "param": "input_tokens, max_tokens",
                "code": 400,
            }
        },
        1,
    ),
    # https://github.com/astrio-labs/forall/issues/76
    "openrouter: few credits": (
        asks_for_more_than(1_266),
        402,
        {
            "error": {
                "message": "This request requires more credits, or fewer max_tokens. You requested"
                " up to 2000 tokens, but can only afford 1266.",
                "code": 402,
                "metadata": {"provider_name": None},
            }
        },
        1,
    ),
    # https://github.com/langgenius/dify/issues/9591
    "azure: no streams": (
        lambda body: bool(body["stream"]),
        403,
        {"message": "Streaming requests are not yet allowed."},
        1,
    ),
    "no format but text, never saying why": (
        has("response_format"),
        400,
        {"error": "Bad Request"},
        2,
    ),
    "the bare request alone, never saying why": (
        lambda body: body.keys() > {"model", "messages", "stream"} or has_system(body),
        400,
        {"error": "Bad Request"},
        3,
    ),
}


def script_of(refuses: Refuses, status: int, body: Body) -> Callable[[Body], Answer]:
    return lambda asked: error(status, body) if refuses(asked) else text_answer('{"days":[]}')


@pytest.mark.parametrize("name", DIALECTS)
async def test_dialect_is_found_out_and_remembered(serve: Serve, name: str) -> None:
    """The first question costs few extra calls, and the second none."""
    refuses, status, body, extra_calls = DIALECTS[name]
    async with serve(script_of(refuses, status, body)) as scripted:
        assert await scripted.ask() == '{"days":[]}'
        assert len(scripted.bodies) == 1 + extra_calls
        assert await scripted.ask() == '{"days":[]}'
        assert len(scripted.bodies) == 2 + extra_calls
        last = scripted.bodies[-1]
        assert {message["role"] for message in last["messages"]} <= {"system", "user"}
        assert GOAL in str(last["messages"])


@pytest.mark.parametrize("inside_200", [False, True])
async def test_several_refusals_are_found_out_one_by_one(serve: Serve, *, inside_200: bool) -> None:
    """Also when each arrives as an error inside a 200, as OpenRouter streams it."""
    names = (
        "openai o-series, azure: max_completion_tokens",
        "vllm gemma: system role",
        "openrouter, cerebras: minItems",
    )

    def script(asked: Body) -> Answer:
        for refuses, status, body, _ in (DIALECTS[name] for name in names):
            if refuses(asked):
                with_code = {"error": body.get("error", body) | {"code": status}}
                return streamed(with_code) if inside_200 else error(status, body)
        return text_answer("{}")

    async with serve(script) as scripted:
        assert await scripted.ask() == "{}"
        assert len(scripted.bodies) == 4
        await scripted.ask()
        assert len(scripted.bodies) == 5


async def test_concurrent_first_calls_share_what_the_first_finds_out(serve: Serve) -> None:
    """A roadmap sends several calls at once; one of them finds out for all."""
    refuses, status, body, _ = DIALECTS["openai: no schemas"]
    async with serve(script_of(refuses, status, body)) as scripted:
        await asyncio.gather(*(scripted.ask() for _ in range(12)))
        assert len(scripted.bodies) == 12 + 1


async def test_passing_failures_are_no_facts(serve: Serve) -> None:
    """A 500, a 400 without a reason and a 429 leave the richest format in place."""
    failures = [
        error(500, {"error": {"message": "response_format failed", "code": 500}}),
        error(400, {"error": {"message": "Invalid request parameters", "code": 400}}),
        error(429, {"error": {"message": "Slow down", "code": 429}}, retry_after="0"),
    ]

    def script(_: Body) -> Answer:
        return failures.pop(0) if failures else text_answer("{}")

    async with serve(script) as scripted:
        await scripted.ask()
        await scripted.ask()
        assert len(scripted.bodies) == 5
        assert all("minItems" in str(body["response_format"]) for body in scripted.bodies)


async def test_server_that_refuses_with_a_500_is_found_out(serve: Serve) -> None:
    """After it has failed in the same way twice, which a passing failure may do as well."""

    def script(asked: Body) -> Answer:
        if "response_format" in asked:
            return error(500, {"error": {"message": "Internal Server Error", "code": 500}})
        return text_answer("{}")

    async with serve(script) as scripted:
        await scripted.ask()
        assert len(scripted.bodies) == 3
        await scripted.ask()
        assert len(scripted.bodies) == 4


async def test_server_that_refuses_with_an_empty_completion_is_found_out(serve: Serve) -> None:
    """ModelScope, as https://github.com/modelscope/modelscope/issues/1801 reports it."""

    def script(asked: Body) -> Answer:
        if "response_format" in asked:
            return error(200, {"id": "", "choices": None, "object": "", "usage": {}})
        return text_answer("{}")

    async with serve(script) as scripted:
        await scripted.ask()
        assert len(scripted.bodies) == 3
        await scripted.ask()
        assert len(scripted.bodies) == 4


LASTING: dict[str, tuple[int, Body | list[Body], type[ModelError], str]] = {
    # https://github.com/ollama/ollama: the server's own words for a model that is not there.
    "ollama: no such model": (
        404,
        {"error": {"message": 'model "m" not found, try pulling it first', "type": "api_error"}},
        ModelMisconfiguredError,
        "OPENAI_MODEL",
    ),
    "ollama: an error that is a text": (
        404,
        {"error": "model 'm' not found"},
        ModelMisconfiguredError,
        "OPENAI_MODEL",
    ),
    "openrouter: not a valid model ID": (
        400,
        {"error": {"message": "m is not a valid model ID", "code": 400}, "user_id": "u"},
        ModelMisconfiguredError,
        "OPENAI_MODEL",
    ),
    "azure: content filter": (
        400,
        openai_error(
            "The response was filtered due to the prompt triggering Azure OpenAI's content"
            " management policy.",
            type=None,
            param="prompt",
            code="content_filter",
        ),
        ModelDeclinedError,
        "filter",
    ),
    "openrouter: moderation": (
        403,
        {
            "error": {
                "message": "Input was flagged",
                "code": 403,
                "metadata": {"reasons": ["violence"], "flagged_input": GOAL},
            }
        },
        ModelDeclinedError,
        "moderation",
    ),
    "key": (401, openai_error("Incorrect API key"), ModelMisconfiguredError, "OPENAI_API_KEY"),
    "google: key": (
        400,
        [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}],
        ModelMisconfiguredError,
        "OPENAI_API_KEY",
    ),
    "credits": (
        402,
        {"error": {"message": "Insufficient credits.", "code": 402}},
        ModelMisconfiguredError,
        "credits",
    ),
    "openai: quota": (
        429,
        openai_error("You exceeded your current quota", code="insufficient_quota"),
        ModelMisconfiguredError,
        "credits",
    ),
    # https://github.com/ggml-org/llama.cpp/pull/15780
    "llama.cpp: context": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing the"
                " context size or enable context shift",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 1407,
                "n_ctx": 256,
            }
        },
        ModelMisconfiguredError,
        "256",
    ),
    # https://github.com/n4ze3m/page-assist/issues/356
    "lm studio: context, without a code": (
        500,
        {
            "error": {
                "message": "Trying to keep the first 6547 tokens when context overflows. However,"
                " the model is loaded with a context length of only 4096 tokens"
            }
        },
        ModelMisconfiguredError,
        "4096",
    ),
    # https://github.com/gpustack/gpustack/issues/5036
    "gpustack: model": (
        403,
        {"error": {"message": "Model not found", "code": 403, "type": "Forbidden"}},
        ModelMisconfiguredError,
        "OPENAI_MODEL",
    ),
    # https://github.com/crmne/ruby_llm/pull/431
    "openrouter: region": (
        403,
        openrouter_error(
            {
                "error": {
                    "code": "unsupported_country_region_territory",
                    "message": "Country, region, or territory not supported",
                }
            },
            "OpenAI",
            403,
        ),
        ModelMisconfiguredError,
        "region",
    ),
    "never saying why": (
        400,
        {"error": "Bad Request"},
        ModelMisconfiguredError,
        "every dialect",
    ),
    "refusing everything that it names": (
        422,
        {"detail": "stream_options, response_format, max_tokens and models are unknown"},
        ModelMisconfiguredError,
        "every dialect",
    ),
}


@pytest.mark.parametrize("inside_200", [False, True])
@pytest.mark.long(2)
@pytest.mark.parametrize("name", LASTING)
async def test_lasting_fault_is_named_after_few_calls(
    serve: Serve, caplog: pytest.LogCaptureFixture, name: str, *, inside_200: bool
) -> None:
    """In at most four calls, and the log quotes neither the key nor the learner."""
    status, body, cls, named = LASTING[name]
    inner: Any = body[0]["error"] if isinstance(body, list) else body.get("error", body)
    inner = inner if isinstance(inner, dict) else {"message": inner}
    answer = (
        streamed({"error": {"code": status} | inner | {"status_code": status}})
        if inside_200
        else error(status, body)
    )
    async with serve(always(answer)) as scripted:
        with pytest.raises(cls, match=named):
            await scripted.ask()
        assert 1 <= len(scripted.bodies) <= 4
    assert "the model's server says" in caplog.text
    assert GOAL not in caplog.text
    assert SECRET_KEY not in caplog.text


async def test_log_has_the_servers_own_words(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Without what they quote: the key, and what the learner wrote."""
    body = openai_error(f"Invalid key {SECRET_KEY} for the prompt '{GOAL}': see the console")
    async with serve(lambda _: error(401, body)) as scripted:
        with pytest.raises(ModelMisconfiguredError):
            await scripted.ask(retries=0)
    assert "Invalid key […] for the prompt '[…]': see the console" in caplog.text


async def test_missing_version_in_the_base_url_is_named(serve: Serve) -> None:
    """Ollama and vLLM answer 404, LM Studio an error inside a 200, others a page."""
    answers = [
        Answer([b"404 page not found"], 404, {"content-type": "text/plain"}),
        error(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        Answer([b"<!doctype html><html></html>"], 200, {"content-type": "text/html"}),
    ]
    for answer in answers:
        async with serve(always(answer), path="") as scripted:
            with pytest.raises(ModelMisconfiguredError, match=r"OPENAI_BASE_URL.*/v1"):
                await scripted.ask()
            assert len(scripted.bodies) <= 4


async def test_room_for_thinking_is_found_out(serve: Serve) -> None:
    """Hidden thinking counts in the limit: https://github.com/BerriAI/litellm-docs/pull/559."""

    def script(asked: Body) -> Answer:
        limit = asked["max_tokens"]
        details = {"completion_tokens_details": {"reasoning_tokens": min(limit, 5_000)}}
        usage = {"choices": [], "usage": {"completion_tokens": limit, **details}}
        if limit < 9_000:
            return streamed(chunk("", finish_reason="length"), usage)
        return streamed(chunk("{}"), chunk(finish_reason="stop"), usage)

    async with serve(script) as scripted:
        assert await scripted.ask() == "{}"
        assert await scripted.ask() == "{}"
        limits = [body["max_tokens"] for body in scripted.bodies]
        assert limits[0] == 2_000
        assert len(limits) == 3
        assert all(limit > 9_000 for limit in limits[1:])
