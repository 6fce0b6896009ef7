"""OpenRouter, which passes on what its providers say."""

import json

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Dialect,
    Preset,
    Refusal,
    always,
    asks_for,
    schema_has,
)
from tests.support.standin.speech import Speech, Thinking
from tests.support.standin.times import milliseconds_from_now


def openrouter_error(code: int, message: str, **metadata: object) -> Json:
    """Return an error in OpenRouter's shape, with the envelope."""
    error: Json = {"message": message, "code": code}
    if metadata:
        error["metadata"] = metadata
    return {"error": error, "user_id": "user_2x7DNyswjOHVRWDYVMCIROyGjsS"}


def _limited(message: str, limit: str, seconds: float, times: int | None) -> Refusal:
    """Build a 429 whose clock stands in its headers and in its metadata, in milliseconds."""

    def headers() -> dict[str, str]:
        return {
            "X-RateLimit-Limit": limit,
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": milliseconds_from_now(seconds),
        }

    return Refusal(
        asks_for("week") if times else always,
        429,
        lambda _: openrouter_error(429, message, headers=headers()),
        headers,
        times,
    )


_CEREBRAS_RAW = {
    "message": 'Unsupported JSON schema fields: ["items", "minItems"]',
    "type": "invalid_request_error",
    "param": "response_format",
    "code": "wrong_api_format",
}
_REGION_RAW = {
    "error": {
        "code": "unsupported_country_region_territory",
        "message": "Country, region, or territory not supported",
        "param": None,
        "type": "request_forbidden",
    }
}

OPENROUTER = (
    Dialect(
        name="openrouter-cerebras",
        server="OpenRouter with Cerebras as provider: its 400 in `metadata.raw`",
        source="https://github.com/musistudio/claude-code-router/issues/338",
        by_hand="a schema without minItems",
        preset=Preset("plain"),
        refusals=(
            Refusal(
                schema_has("minItems", "maxItems"),
                400,
                openrouter_error(
                    400,
                    "Provider returned error",
                    raw=json.dumps(_CEREBRAS_RAW),
                    provider_name="Cerebras",
                ),
            ),
        ),
    ),
    Dialect(
        name="openrouter-reasoning",
        server="OpenRouter, a model that thinks for longer than the idle limit",
        source="https://openrouter.ai/docs/use-cases/reasoning-tokens",
        by_hand="nothing",
        quoted=False,
        speech=Speech(thinking=Thinking.REASONING, thought_seconds=3.0),
        settings={"model_idle_timeout_seconds": 2.0},
    ),
    Dialect(
        name="openrouter-reasoning-details",
        server="OpenRouter with MiniMax: thinking as `reasoning_details`",
        source="https://github.com/archestra-ai/archestra/pull/6834",
        by_hand="nothing",
        quoted=False,
        speech=Speech(thinking=Thinking.REASONING_DETAILS),
    ),
    Dialect(
        name="openrouter-free-minute",
        server="OpenRouter, free model: the minute is used up, and ends soon",
        source="https://github.com/Gitlawb/openclaude/issues/936",
        by_hand="waits until X-RateLimit-Reset",
        quoted=False,
        refusals=(
            _limited("Rate limit exceeded: free-models-per-min. ", "20", seconds=1.2, times=2),
        ),
    ),
    Dialect(
        name="openrouter-free-day",
        server="OpenRouter, free model: the day is used up",
        source="https://github.com/Gitlawb/openclaude/issues/936",
        by_hand="waits until tomorrow, or credits",
        refusals=(
            _limited(
                "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model"
                " requests per day",
                "50",
                seconds=6 * 3600,
                times=None,
            ),
        ),
        problem="model-unavailable",
        roadmap_problem="generation-waiting",
    ),
    Dialect(
        name="openrouter-upstream-limit",
        server="OpenRouter, a provider that is limited for a moment, without a clock",
        source="https://github.com/open-webui/computer/issues/293",
        by_hand="tries again",
        refusals=(
            Refusal(
                asks_for("week"),
                429,
                openrouter_error(
                    429,
                    "Provider returned error",
                    raw="z-ai/glm-5.3-flash is temporarily rate-limited upstream. Please retry"
                    " shortly, or add your own key to accumulate your rate limits: ...",
                    provider_name="BaseTen",
                    limit_source="upstream_provider_shared_pool",
                ),
                times=1,
            ),
        ),
    ),
    Dialect(
        name="openrouter-unknown-model",
        server="OpenRouter, a model that it does not have",
        source="https://github.com/OpenRouterTeam/openrouter-examples/issues/74",
        by_hand="the right OPENAI_MODEL",
        refusals=(
            Refusal(
                always, 400, openrouter_error(400, "claude-sonnet-4-6 is not a valid model ID")
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="openrouter-no-credits",
        server="OpenRouter, an account without credits",
        source="https://github.com/astrio-labs/forall/issues/76",
        by_hand="credits",
        refusals=(
            Refusal(
                always,
                402,
                openrouter_error(
                    402,
                    "This request requires more credits, or fewer max_tokens. You requested up to"
                    " 64000 tokens, but can only afford 2666. To increase, visit"
                    " https://openrouter.ai/settings/credits and upgrade to a paid account",
                    provider_name=None,
                ),
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="openrouter-moderation",
        server="OpenRouter, a prompt that moderation refuses",
        source="https://openrouter.ai/docs/api-reference/errors",
        by_hand="another goal",
        quoted=False,
        refusals=(
            Refusal(
                always,
                403,
                openrouter_error(
                    403,
                    "Input was flagged",
                    reasons=["violence"],
                    flagged_input="…",
                    provider_name="OpenAI",
                ),
            ),
        ),
        problem="model-declined",
    ),
    Dialect(
        name="openrouter-region",
        server="OpenRouter, a provider that refuses the account's region",
        source="https://github.com/crmne/ruby_llm/pull/431",
        by_hand="another provider",
        refusals=(
            Refusal(
                always,
                403,
                openrouter_error(
                    403,
                    "Provider returned error",
                    raw=json.dumps(_REGION_RAW),
                    provider_name="OpenAI",
                ),
            ),
        ),
        problem="model-misconfigured",
    ),
)
