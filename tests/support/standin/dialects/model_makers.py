"""Makers of models who serve them under a protocol that is nearly OpenAI's."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Preset,
    Refusal,
    always,
    asks_for,
    has,
    more_at_once_than,
    schema_has,
    wants,
)
from tests.support.standin.dialects.openai import openai_error
from tests.support.standin.speech import Speech, Thinking, no_usage, usage_always


def _extra_forbidden(parameter: str, value: object) -> Json:
    """Return pydantic's complaint about a parameter, as Mistral words it."""
    return {
        "type": "extra_forbidden",
        "loc": ["body", parameter],
        "msg": "Extra inputs are not permitted",
        "input": value,
    }


def _mistral_error(asked: Asked) -> Json:
    faults = [
        _extra_forbidden(name, asked.body[name])
        for name in ("stream_options", "max_completion_tokens")
        if name in asked.body
    ]
    return {
        "object": "error",
        "message": {"detail": faults},
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def _google_error(code: int, status: str, message: str, *details: Json) -> list[Json]:
    """Return an error as Google's endpoint for OpenAI clients sends it: in a list."""
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return [{"error": error}]


_GEMINI_LIMIT = _google_error(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details. For more"
    " information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n*"
    " Quota exceeded for metric:"
    " generativelanguage.googleapis.com/generate_content_free_tier_requests,"
    " limit: 10, model: gemini-2.5-flash\nPlease retry in 1.165902715s.",
    {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"},
)
_GEMINI_KEY = _google_error(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    },
)


def _gemini_choice(text: str, _so_far: str) -> Json:
    return {"index": 0, "delta": {"role": "assistant", "content": text}}


def _cohere_error(asked: Asked) -> Json:
    name = next(name for name in ("stream_options", "store") if name in asked.body)
    return {
        "id": "3d71291b-8a91-44e9-8431-d1337b90a07b",
        "message": f"unknown field: parameter '{name}' is not a valid field. For proper usage,"
        " please refer to https://docs.cohere.com/reference/chat",
    }


_MOONSHOT_LIMIT = (
    "Your account org-e664b178c0f74d818f6b62f87efa49f7<ak-f3t8pfk16fki11gzh6i1> request reached"
)

MODEL_MAKERS = (
    Dialect(
        name="mistral",
        server="Mistral: no stream_options",
        source="https://github.com/dnakov/anon-kode/issues/53",
        by_hand="no stream_options",
        preset=Preset(without=("stream_options",)),
        refusals=(Refusal(has("stream_options", "max_completion_tokens"), 422, _mistral_error),),
        speech=Speech(usage=usage_always),
    ),
    Dialect(
        name="mistral-magistral",
        server="Mistral, magistral: thinking as parts of `content`",
        source="https://github.com/BerriAI/litellm/issues/16272",
        by_hand="nothing",
        speech=Speech(thinking=Thinking.CONTENT_PARTS),
    ),
    Dialect(
        name="anthropic",
        server="Anthropic's endpoint for OpenAI clients: minItems is 0 or 1",
        source="https://github.com/ghostlobster/memorize-everything/issues/93",
        by_hand="a schema without minItems",
        preset=Preset("plain"),
        refusals=(
            Refusal(
                schema_has("minItems", "maxItems", "minLength", "maxLength"),
                400,
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "message": "output_config.format.schema: For 'array' type, 'minItems'"
                        " values other than 0 or 1 are not supported",
                    },
                    "request_id": "req_011CamX2UqmbVo8gbYHGZYcf",
                },
            ),
        ),
    ),
    Dialect(
        name="gemini",
        server="Google: errors in a list, `retryDelay`, and never a finish_reason",
        source="https://github.com/continuedev/continue/issues/12643",
        by_hand="waits as retryDelay says",
        refusals=(Refusal(asks_for("week"), 429, _GEMINI_LIMIT, times=1),),
        speech=Speech(choice=_gemini_choice, finish_reason=None, usage=no_usage),
    ),
    Dialect(
        name="gemini-wrong-key",
        server="Google, a wrong key: 400",
        source="https://github.com/continuedev/continue/issues/10530",
        by_hand="the right key",
        refusals=(Refusal(always, 400, _GEMINI_KEY),),
        problem="model-misconfigured",
    ),
    Dialect(
        name="deepseek-chat",
        server="DeepSeek: JSON mode, no schema",
        source="https://github.com/llm-exe/llm-exe/issues/662",
        by_hand="response_format json_object",
        preset=Preset("json_object"),
        refusals=(
            Refusal(
                wants("json_schema"),
                400,
                openai_error(
                    "This response_format type is unavailable now", "invalid_request_error"
                ),
            ),
        ),
    ),
    Dialect(
        name="deepseek-reasoner",
        server="DeepSeek, reasoner: no JSON at all, thinking as reasoning_content",
        source="https://github.com/gomate-community/TrustRAG/issues/140",
        by_hand="no response_format",
        preset=Preset("text"),
        refusals=(
            Refusal(
                wants("json_schema", "json_object"),
                400,
                openai_error(
                    "deepseek-reasoner does not support Json Output.", "invalid_request_error"
                ),
            ),
        ),
        speech=Speech(thinking=Thinking.REASONING_CONTENT),
    ),
    Dialect(
        name="dashscope-qwen3",
        server="Alibaba's Qwen3: thinks, and only in streams",
        source="https://github.com/infiniflow/ragflow/issues/8972",
        by_hand="stream",
        refusals=(
            Refusal(
                lambda asked: not asked.body.get("stream"),
                400,
                {
                    "error": {
                        "code": "invalid_parameter_error",
                        "param": None,
                        "message": "parameter.enable_thinking must be set to false for"
                        " non-streaming calls",
                        "type": "invalid_request_error",
                    },
                    "id": "chatcmpl-f5a1f1ee-dac6-9c1b-9bdb-2f0c22b8af45",
                    "request_id": "f5a1f1ee-dac6-9c1b-9bdb-2f0c22b8af45",
                },
            ),
        ),
        speech=Speech(thinking=Thinking.REASONING_CONTENT),
    ),
    Dialect(
        name="moonshot-concurrency",
        server="Moonshot, first tier: three calls at once",
        source="https://github.com/LLM-Red-Team/kimi-cc/issues/16",
        by_hand="MODEL_CALLS_PER_ROADMAP=3",
        limits_calls_at_once=True,
        refusals=(
            Refusal(
                more_at_once_than(3),
                429,
                {
                    "error": {
                        "message": f"{_MOONSHOT_LIMIT} max organization concurrency: 3, please try"
                        " again after 1 seconds",
                        "type": "rate_limit_reached_error",
                    }
                },
            ),
        ),
        speech=Speech(seconds=0.15),
    ),
    Dialect(
        name="moonshot-requests-per-minute",
        server="Moonshot: requests per minute are used up",
        source="https://github.com/MoonshotAI/Kimi-K2/issues/34",
        by_hand="waits as the message says",
        refusals=(
            Refusal(
                asks_for("week"),
                429,
                {
                    "error": {
                        "message": f"{_MOONSHOT_LIMIT} organization max RPM: 3, please try again"
                        " after 1 seconds",
                        "type": "rate_limit_reached_error",
                    }
                },
                times=2,
            ),
        ),
    ),
    Dialect(
        name="xai",
        server="xAI: penalties and stop words refused, with a text as `error`",
        source="https://github.com/yym68686/uni-api/issues/105",
        by_hand="none of these parameters",
        refusals=(
            Refusal(
                has("presence_penalty", "frequency_penalty", "stop", "reasoning_effort"),
                400,
                {
                    "code": "Client specified an invalid argument",
                    "error": "Argument not supported on this model: presencePenalty",
                },
            ),
        ),
        speech=Speech(thinking=Thinking.REASONING_CONTENT),
    ),
    Dialect(
        name="cohere",
        server="Cohere: unknown fields refused, in an error without an envelope",
        source="https://github.com/OpenRouterTeam/openrouter-examples/issues/71",
        by_hand="no stream_options",
        preset=Preset(without=("stream_options",)),
        quoted=False,
        refusals=(Refusal(has("stream_options", "store"), 422, _cohere_error),),
        speech=Speech(usage=usage_always),
    ),
)
