"""OpenAI's own servers, and Azure's."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Preset,
    Refusal,
    always,
    has,
    has_system_message,
    never_says_json,
    schema_has,
    wants,
)
from tests.support.standin.speech import Speech, Thinking


def openai_error(message: str, code: str | None, param: str | None = None) -> Json:
    """Return an error in OpenAI's shape."""
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


NO_MAX_TOKENS = Refusal(
    has("max_tokens"),
    400,
    openai_error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use"
        " 'max_completion_tokens' instead.",
        "unsupported_parameter",
        "max_tokens",
    ),
)
NO_TEMPERATURE = Refusal(
    lambda asked: asked.body.get("temperature", 1) != 1,
    400,
    openai_error(
        "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default"
        " (1) value is supported.",
        "unsupported_value",
        "temperature",
    ),
)
NO_SYSTEM_MESSAGE = Refusal(
    has_system_message,
    400,
    openai_error(
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "unsupported_value",
        "messages[0].role",
    ),
)
NO_SCHEMA = Refusal(
    wants("json_schema"),
    400,
    openai_error(
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this"
        " model. Learn more about supported models at the Structured Outputs guide:"
        " https://platform.openai.com/docs/guides/structured-outputs",
        None,
    ),
)
MUST_SAY_JSON = Refusal(
    never_says_json,
    400,
    openai_error(
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type"
        " 'json_object'.",
        None,
        "messages",
    ),
)


def _not_permitted(asked: Asked) -> Json:
    word = min(asked.schema_words() & {"default", "prefixItems", "uniqueItems"})
    return openai_error(
        f"Invalid schema for response_format 'week': In context=('properties', 'days'), '{word}'"
        " is not permitted.",
        None,
        "response_format",
    )


_SAFE = {
    word: {"filtered": False, "severity": "safe"}
    for word in ("hate", "self_harm", "sexual", "violence")
}
_PROMPT_FILTER: Json = {
    "id": "",
    "choices": [],
    "created": 0,
    "model": "",
    "object": "",
    "system_fingerprint": None,
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}],
}
_ASYNCHRONOUS_FILTER: Json = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "choices": [
        {
            "finish_reason": None,
            "index": 0,
            "content_filter_results": _SAFE,
            "content_filter_offsets": {
                "check_offset": 4522,
                "start_offset": 4522,
                "end_offset": 4686,
            },
        }
    ],
}
_FILTERED: Json = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content"
        " management policy. Please modify your prompt and retry. To learn more about our content"
        " filtering policies please read our documentation:"
        " https://go.microsoft.com/fwlink/?linkid=2198766",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": _SAFE | {"violence": {"filtered": True, "severity": "medium"}},
        },
    }
}

OPENAI = (
    Dialect(
        name="openai-obedient",
        server="OpenAI, a model that takes every parameter",
        source="https://platform.openai.com/docs/api-reference/chat/create",
        by_hand="nothing",
        quoted=False,
    ),
    Dialect(
        name="openai-gpt-5",
        server="OpenAI, gpt-5 with little thinking",
        source="https://github.com/ITSpecialist111/ai_automation_suggester/issues/38",
        by_hand="max_completion_tokens, no temperature",
        preset=Preset(limit_name="max_completion_tokens"),
        refusals=(NO_MAX_TOKENS, NO_TEMPERATURE),
    ),
    Dialect(
        name="openai-gpt-5-thinks",
        server="OpenAI, gpt-5: 1,408 hidden tokens of thinking count as output",
        source="https://github.com/covan-ai/covan/pull/112",
        by_hand="max_completion_tokens, with 1,408 more",
        preset=Preset(limit_name="max_completion_tokens", max_tokens=4_928),
        refusals=(NO_MAX_TOKENS,),
        speech=Speech(thinking=Thinking.HIDDEN, thought_tokens=1_408),
    ),
    Dialect(
        name="openai-o1-mini",
        server="OpenAI, o1-mini: no system message either",
        source="https://github.com/devoxx/DevoxxGenieIDEAPlugin/issues/291",
        by_hand="max_completion_tokens, rules in the user message",
        preset=Preset(limit_name="max_completion_tokens", folds_system_message=True),
        refusals=(NO_MAX_TOKENS, NO_SYSTEM_MESSAGE),
    ),
    Dialect(
        name="openai-strict-schema",
        server="OpenAI, strict schemas without `default` and `prefixItems`",
        source="https://github.com/dottxt-ai/outlines/issues/1254",
        by_hand="a schema without these words",
        preset=Preset("plain"),
        refusals=(
            Refusal(schema_has("default", "prefixItems", "uniqueItems"), 400, _not_permitted),
        ),
    ),
    Dialect(
        name="openai-json-mode",
        server="OpenAI, gpt-4-turbo: JSON mode alone, and only if the prompt says JSON",
        source="https://github.com/mem0ai/mem0/issues/3008",
        by_hand="response_format json_object",
        preset=Preset("json_object"),
        refusals=(NO_SCHEMA, MUST_SAY_JSON),
    ),
    Dialect(
        name="openai-wrong-key",
        server="OpenAI, a wrong key",
        source="https://github.com/continuedev/continue/issues/11409",
        by_hand="the right key",
        refusals=(
            Refusal(
                always,
                401,
                openai_error(
                    "Incorrect API key provided: kod-460f****2829. You can find your API key at"
                    " https://platform.openai.com/account/api-keys.",
                    "invalid_api_key",
                ),
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="openai-no-quota",
        server="OpenAI, an account without credits",
        source="https://github.com/openai/openai-cookbook/issues/844",
        by_hand="credits",
        refusals=(
            Refusal(
                always,
                429,
                {
                    "error": {
                        "message": "You exceeded your current quota, please check your plan and"
                        " billing details.",
                        "type": "insufficient_quota",
                        "param": None,
                        "code": "insufficient_quota",
                    }
                },
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="azure-filters",
        server="Azure OpenAI: filter results in chunks without choices or without a delta",
        source="https://github.com/langchain-ai/langchain/issues/18977",
        by_hand="nothing",
        speech=Speech(first_chunks=(_PROMPT_FILTER,), last_chunks=(_ASYNCHRONOUS_FILTER,)),
    ),
    Dialect(
        name="azure-content-filter",
        server="Azure OpenAI, a prompt that its filter refuses",
        source="https://github.com/compl-ai/compl-ai/issues/20",
        by_hand="another goal",
        refusals=(Refusal(always, 400, _FILTERED),),
        problem="model-declined",
    ),
    Dialect(
        name="azure-no-deployment",
        server="Azure OpenAI, an unknown deployment",
        source="https://github.com/chatboxai/chatbox/issues/861",
        by_hand="the deployment's name as OPENAI_MODEL",
        refusals=(
            Refusal(
                always,
                404,
                {
                    "error": {
                        "code": "DeploymentNotFound",
                        "message": "The API deployment for this resource does not exist. If you"
                        " created the deployment within the last 5 minutes, please wait a moment"
                        " and try again.",
                    }
                },
            ),
        ),
        problem="model-misconfigured",
    ),
)
