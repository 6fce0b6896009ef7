"""Vendors who serve models under a protocol that is nearly OpenAI's."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Refusal,
    always,
    asks_for,
    has,
    more_at_once_than,
    prompt_over,
    schema_has,
    total_over,
    wants,
)
from tests.support.standin.dialects.openai import openai_error
from tests.support.standin.dialects.speech import Speech, Thinking, no_usage, usage_always


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


def _groq_schema_error(asked: Asked) -> Json:
    word = min(asked.schema_words() & _GROQ_REFUSES)
    message = f"invalid schema for response format: response_format/json_schema/week: {word} is not"
    return {"error": {"message": f"{message} supported", "type": "invalid_request_error"}}


_GROQ_REFUSES = {"minItems", "maxItems", "minLength", "maxLength", "prefixItems"}


def _groq_usage(usage: Json, _body: Json) -> list[Json]:
    return [{"choices": [], "x_groq": {"id": "req_01", "usage": usage | {"queue_time": 0.0241}}}]


def _google_error(code: int, status: str, message: str, *details: Json) -> list[Json]:
    """Return an error as Google's endpoint for OpenAI clients sends it: in a list."""
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return [{"error": error}]


_GEMINI_LIMIT = _google_error(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details. For more"
    " information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota"
    " exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests,"
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


def _perplexity_choice(text: str, so_far: str) -> Json:
    message = {"role": "assistant", "content": so_far}
    return {"index": 0, "finish_reason": None, "message": message, "delta": {"content": text}}


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

HOSTED = (
    Dialect(
        name="mistral",
        server="Mistral: no stream_options",
        source="https://github.com/dnakov/anon-kode/issues/53",
        by_hand="no stream_options",
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
        name="groq-schema",
        server="Groq: no numbers of items in schemas; usage in `x_groq`",
        source="https://github.com/i-am-bee/beeai-framework/issues/1215",
        by_hand="a schema without minItems",
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
        name="anthropic",
        server="Anthropic's endpoint for OpenAI clients: minItems is 0 or 1",
        source="https://github.com/ghostlobster/memorize-everything/issues/93",
        by_hand="a schema without minItems",
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
        name="deepseek-chat",
        server="DeepSeek: JSON mode, no schema",
        source="https://github.com/llm-exe/llm-exe/issues/662",
        by_hand="response_format json_object",
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
        refusals=(Refusal(has("stream_options", "store"), 422, _cohere_error),),
        speech=Speech(usage=usage_always),
    ),
    Dialect(
        name="nvidia-nim",
        server="NVIDIA NIM: unknown fields refused, with Python's repr as `error`",
        source="https://github.com/sipeed/picoclaw/issues/1019",
        by_hand="no stream_options",
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
