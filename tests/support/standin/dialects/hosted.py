"""Vendors who serve the models of others under a protocol that is nearly OpenAI's."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Preset,
    Refusal,
    always,
    asks_for,
    has,
    prompt_over,
    schema_has,
    total_over,
    wants,
)
from tests.support.standin.dialects.openai import openai_error
from tests.support.standin.speech import Speech, Thinking, no_usage


def _groq_schema_error(asked: Asked) -> Json:
    word = min(asked.schema_words() & _GROQ_REFUSES)
    message = f"invalid schema for response format: response_format/json_schema/week: {word} is not"
    return {"error": {"message": f"{message} supported", "type": "invalid_request_error"}}


_GROQ_REFUSES = {"minItems", "maxItems", "minLength", "maxLength", "prefixItems"}


def _groq_usage(usage: Json, _body: Json) -> list[Json]:
    return [{"choices": [], "x_groq": {"id": "req_01", "usage": usage | {"queue_time": 0.0241}}}]


def _perplexity_choice(text: str, so_far: str) -> Json:
    message = {"role": "assistant", "content": so_far}
    return {"index": 0, "finish_reason": None, "message": message, "delta": {"content": text}}


HOSTED = (
    Dialect(
        name="groq-schema",
        server="Groq: no numbers of items in schemas; usage in `x_groq`",
        source="https://github.com/i-am-bee/beeai-framework/issues/1215",
        by_hand="a schema without minItems",
        preset=Preset("plain"),
        refusals=(Refusal(schema_has(*_GROQ_REFUSES), 400, _groq_schema_error),),
        speech=Speech(usage=_groq_usage),
    ),
    Dialect(
        name="groq-invalid-json",
        server="Groq: a 400 when its own validation of one answer fails",
        source="https://github.com/thepersonalaicompany/amurex-backend/issues/38",
        by_hand="tries again",
        refusals=(
            Refusal(
                asks_for("week"),
                400,
                {
                    "error": {
                        "message": "Failed to generate JSON. Please adjust your prompt. See"
                        " 'failed_generation' for more details.",
                        "type": "invalid_request_error",
                        "code": "json_validate_failed",
                        "failed_generation": "",
                    }
                },
                times=1,
            ),
        ),
    ),
    Dialect(
        name="groq-tokens-per-minute",
        server="Groq: tokens per minute are used up; the clock stands in the message",
        source="https://github.com/crewAIInc/crewAI/issues/494",
        by_hand="waits as the message says",
        refusals=(
            Refusal(
                asks_for("week"),
                429,
                {
                    "error": {
                        "message": "Rate limit reached for model `llama3-70b-8192` in organization"
                        " `org_123` on tokens per minute (TPM): Limit 5000, Used 5747, Requested"
                        " ~4251. Please try again in 1.177s. Visit"
                        " https://console.groq.com/docs/rate-limits for more information.",
                        "type": "tokens",
                        "code": "rate_limit_exceeded",
                    }
                },
                {"x-ratelimit-reset-tokens": "1.177s"},
                times=2,
            ),
        ),
    ),
    Dialect(
        name="cerebras",
        server="Cerebras: schema words refused in an error without an envelope",
        source="https://github.com/musistudio/claude-code-router/issues/708",
        by_hand="a schema without minItems",
        preset=Preset("plain"),
        refusals=(
            Refusal(
                schema_has("minItems", "maxItems"),
                400,
                {
                    "message": "Unsupported JSON schema fields: {'minItems', 'items'}",
                    "type": "invalid_request_error",
                    "param": "response_format",
                    "code": "wrong_api_format",
                },
            ),
        ),
    ),
    Dialect(
        name="perplexity",
        server="Perplexity: `message` so far beside each delta, usage in each chunk, no [DONE]",
        source="https://github.com/perplexityai/api-discussion/issues/209",
        by_hand="nothing",
        speech=Speech(
            choice=_perplexity_choice,
            envelope={
                "object": "chat.completion",
                "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
                "citations": ["https://docs.example/start"],
            },
            usage=no_usage,
            sends_done=False,
        ),
    ),
    Dialect(
        name="perplexity-reasoning",
        server="Perplexity, sonar-reasoning: `<think>` in the text, no JSON mode",
        source="https://github.com/567-labs/instructor/issues/1005",
        by_hand="response_format json_schema",
        refusals=(
            Refusal(
                wants("json_object"),
                400,
                {
                    "error": {
                        "message": '["At body -> response_format -> ResponseFormatText -> type:'
                        " Input should be 'text'\", \"At body -> response_format ->"
                        " ResponseFormatJSONSchema -> type: Input should be 'json_schema'\"]",
                        "type": "bad_request",
                        "code": 400,
                    }
                },
            ),
        ),
        speech=Speech(
            thinking=Thinking.TAGS, choice=_perplexity_choice, usage=no_usage, sends_done=False
        ),
    ),
    Dialect(
        name="nvidia-nim",
        server="NVIDIA NIM: unknown fields refused, with Python's repr as `error`",
        source="https://github.com/sipeed/picoclaw/issues/1019",
        by_hand="no stream_options",
        preset=Preset(without=("stream_options",)),
        quoted=False,
        refusals=(
            Refusal(
                has("stream_options", "prompt_cache_key"),
                400,
                {
                    "error": "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'),"
                    " 'msg': 'Extra inputs are not permitted', 'input': {'include_usage': True}}]"
                },
            ),
        ),
    ),
    Dialect(
        name="nvidia-nim-unknown-model",
        server="NVIDIA NIM, a model that the account does not have, as `detail`",
        source="https://github.com/Alishahryar1/free-claude-code/issues/1021",
        by_hand="the right OPENAI_MODEL",
        refusals=(
            Refusal(
                always,
                404,
                {
                    "status": 404,
                    "title": "Not Found",
                    "detail": "Function '23d4f03a-b8a6-4adb-a183-7daa083a09cc': Not found for"
                    " account 'Qawmu2vUw3rdcREnubcAVqe1c55nUTb1hCogKQx4BCA'",
                },
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="together",
        server="Together: prompt and answer must fit the context",
        source="https://github.com/huggingface/text-generation-inference/issues/628",
        by_hand="a smaller max_tokens",
        preset=Preset(max_tokens=2_000),
        quoted=False,
        refusals=(
            Refusal(
                total_over(3_072),
                422,
                lambda asked: openai_error(
                    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 3072."
                    f" Given: {asked.prompt_tokens} `inputs` tokens and {asked.token_limit}"
                    " `max_new_tokens`",
                    None,
                    "max_tokens",
                ),
            ),
        ),
    ),
    Dialect(
        name="fireworks",
        server="Fireworks: long answers only in streams",
        source="https://github.com/nullclaw/nullclaw/pull/231",
        by_hand="stream",
        refusals=(
            Refusal(
                lambda asked: not asked.body.get("stream") and (asked.token_limit or 0) > 4_096,
                400,
                {
                    "error": {
                        "message": "Requests with max_tokens > 4096 must have stream=true",
                        "param": "max_tokens",
                        "code": "BAD_REQUEST",
                        "type": "error",
                    }
                },
            ),
        ),
    ),
    Dialect(
        name="github-models",
        server="GitHub Models, a prompt over the tier's limit",
        source="https://github.com/eslint/tsc-meetings/pull/593",
        by_hand="a larger tier",
        refusals=(
            Refusal(
                prompt_over(64),
                413,
                {
                    "error": {
                        "code": "tokens_limit_reached",
                        "message": "Request body too large for gpt-4o model. Max size: 64 tokens.",
                        "details": "Request body too large for gpt-4o model. Max size: 64 tokens.",
                    }
                },
            ),
        ),
        problem="model-misconfigured",
    ),
)
