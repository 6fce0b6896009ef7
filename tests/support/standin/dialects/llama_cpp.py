"""llama.cpp's server."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Preset,
    Refusal,
    always,
    asks_for,
    bounds_over,
    has_system_message,
    prompt_over,
)
from tests.support.standin.speech import Speech, Thinking

CONTEXT = 3_072
"""Tokens of context, less than the service asks for at first and more than answers take."""


def llama_error(code: int, message: str, kind: str, **fields: object) -> Json:
    """Return an error in llama.cpp's shape."""
    return {"error": {"code": code, "message": message, "type": kind} | fields}


def _llama_context_error(asked: Asked) -> Json:
    return llama_error(
        400,
        "the request exceeds the available context size. try increasing the context size or enable"
        " context shift",
        "exceed_context_size_error",
        n_prompt_tokens=asked.prompt_tokens,
        n_ctx=64,
    )


LLAMA_CPP = (
    Dialect(
        name="llama-cpp",
        server="llama.cpp: takes every schema; usage with `timings`",
        source="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        by_hand="nothing",
        quoted=False,
        speech=Speech(
            usage=lambda usage, _: [
                {"choices": [], "usage": usage, "timings": {"predicted_per_second": 50.4}}
            ]
        ),
    ),
    Dialect(
        name="llama-cpp-grammar",
        server="llama.cpp: a grammar with too many repetitions",
        source="https://github.com/flagdizero/jenny-android-ai-agent/issues/2",
        by_hand="a schema without maxLength",
        preset=Preset("plain"),
        refusals=(
            Refusal(
                bounds_over(100),
                400,
                llama_error(
                    400,
                    "Failed to initialize samplers: failed to parse grammar",
                    "invalid_request_error",
                ),
            ),
        ),
    ),
    Dialect(
        name="llama-cpp-loading",
        server="llama.cpp: 503 while it loads the model",
        source="https://github.com/mostlygeek/llama-swap/issues/146",
        by_hand="tries again",
        refusals=(
            Refusal(always, 503, llama_error(503, "Loading model", "unavailable_error"), times=2),
        ),
    ),
    Dialect(
        name="llama-cpp-small-context",
        server="llama.cpp: answers end where the context ends",
        source="https://github.com/ggml-org/llama.cpp/issues/17284",
        by_hand="nothing",
        quoted=False,
        speech=Speech(context=CONTEXT),
    ),
    Dialect(
        name="llama-cpp-context",
        server="llama.cpp: a context smaller than any prompt",
        source="https://github.com/oobabooga/textgen/issues/7257",
        by_hand="a larger context",
        refusals=(Refusal(prompt_over(64), 400, _llama_context_error),),
        problem="model-misconfigured",
    ),
    Dialect(
        name="llama-cpp-error-chunk",
        server="llama.cpp: an error in the middle of one stream",
        source="https://github.com/ggml-org/llama.cpp/issues/19774",
        by_hand="asks again for the rest",
        refusals=(
            Refusal(
                asks_for("week"),
                200,
                llama_error(500, "Context size has been exceeded.", "server_error"),
                times=1,
                after=0.6,
            ),
        ),
    ),
    Dialect(
        name="llama-cpp-gemma",
        server="llama.cpp with Gemma's template: no system message, said in a 500",
        source="https://github.com/Mangi-11/Eta/issues/59",
        by_hand="rules in the user message",
        preset=Preset(folds_system_message=True),
        quoted=False,
        refusals=(
            Refusal(
                has_system_message,
                500,
                llama_error(500, "Jinja Exception: System role not supported", "server_error"),
            ),
        ),
    ),
    Dialect(
        name="llama-cpp-harmony",
        server="llama.cpp with gpt-oss and reasoning_format none: harmony channels in the text",
        source="https://github.com/ggml-org/llama.cpp/pull/15181",
        by_hand="nothing",
        speech=Speech(thinking=Thinking.HARMONY),
    ),
)
