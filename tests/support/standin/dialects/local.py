"""Servers that people run themselves, llama.cpp's aside."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Preset,
    Refusal,
    always,
    has_system_message,
    more_at_once_than,
    prompt_over,
    schema_has,
    total_over,
    wants,
)
from tests.support.standin.speech import Speech, Thinking, no_usage

CONTEXT = 3_072
"""Tokens of context, less than the service asks for at first and more than answers take."""


def vllm_error(message: str) -> Json:
    """Return an error in vLLM's shape, which has no envelope."""
    return {
        "object": "error",
        "message": message,
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def _vllm_context_error(asked: Asked) -> Json:
    prompt, limit = asked.prompt_tokens, asked.token_limit or 0
    return vllm_error(
        f"This model's maximum context length is {CONTEXT} tokens. However, you requested"
        f" {prompt + limit} tokens ({prompt} in the messages, {limit} in the completion). Please"
        " reduce the length of the messages or completion."
    )


def _tgi_context_error(asked: Asked) -> Json:
    message = (
        f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {CONTEXT}. Given:"
        f" {asked.prompt_tokens} `inputs` tokens and {asked.token_limit} `max_new_tokens`"
    )
    return {"error": message, "error_type": "validation"}


def _localai_choice(text: str, _so_far: str) -> Json:
    return {"index": 0, "finish_reason": "", "delta": {"role": "assistant", "content": text}}


def _fenced(text: str) -> str:
    """Return the answer as a model writes it that no grammar holds."""
    return f"Sure! Here is the plan:\n\n```json\n{text}\n```" if text.startswith("{") else text


_NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

LOCAL = (
    Dialect(
        name="ollama",
        server="Ollama: one call at a time, `<think>` in the text",
        source="https://github.com/ollama/ollama/issues/11277",
        by_hand="MODEL_CALLS_PER_ROADMAP=1",
        quoted=False,
        limits_calls_at_once=True,
        speech=Speech(thinking=Thinking.TAGS, one_at_a_time=True, seconds=0.8),
        settings={"model_idle_timeout_seconds": 2.0, "model_call_timeout_seconds": 10},
    ),
    Dialect(
        name="ollama-cold",
        server="Ollama: the first answer waits until the model is loaded",
        source="https://github.com/danny-avila/LibreChat/issues/3330",
        by_hand="a long timeout",
        quoted=False,
        speech=Speech(cold_seconds=4.0, one_at_a_time=True),
        settings={"model_idle_timeout_seconds": 2.0, "model_call_timeout_seconds": 10},
    ),
    Dialect(
        name="ollama-busy",
        server="Ollama: its queue is full",
        source="https://github.com/valentinfrlch/ha-llmvision/issues/648",
        by_hand="MODEL_CALLS_PER_ROADMAP=3",
        limits_calls_at_once=True,
        refusals=(
            Refusal(
                more_at_once_than(3),
                503,
                {"error": "server busy, please try again.  maximum pending requests exceeded"},
            ),
        ),
        speech=Speech(seconds=0.15),
    ),
    Dialect(
        name="ollama-unknown-model",
        server="Ollama: a model that is not pulled",
        source="https://github.com/netease-youdao/QAnything/issues/555",
        by_hand="the right OPENAI_MODEL",
        refusals=(
            Refusal(
                always,
                404,
                {
                    "error": {
                        "message": 'model "ollama" not found, try pulling it first',
                        "type": "api_error",
                        "param": None,
                        "code": None,
                    }
                },
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="ollama-plain-error",
        server="Ollama: the same with a text as `error`",
        source="https://github.com/TheBlewish/Automated-AI-Web-Researcher-Ollama/issues/42",
        by_hand="the right OPENAI_MODEL",
        refusals=(Refusal(always, 404, {"error": "model 'custom-phi3-32k-Q4_K_M' not found"}),),
        problem="model-misconfigured",
    ),
    Dialect(
        name="ollama-without-v1",
        server="Ollama: OPENAI_BASE_URL without /v1",
        source="https://github.com/ollama/ollama/issues/3050",
        by_hand="OPENAI_BASE_URL with /v1",
        base_path="/api",
        problem="model-misconfigured",
    ),
    Dialect(
        name="lm-studio",
        server="LM Studio: schemas, no JSON mode",
        source="https://github.com/LoadShine/tada/issues/16",
        by_hand="nothing",
        refusals=(
            Refusal(
                wants("json_object"),
                400,
                {"error": "'response_format.type' must be 'json_schema' or 'text'"},
            ),
        ),
        speech=Speech(thinking=Thinking.TAGS),
    ),
    Dialect(
        name="lm-studio-context",
        server="LM Studio: a context smaller than any prompt, said in an event",
        source="https://github.com/n4ze3m/page-assist/issues/356",
        by_hand="a larger context",
        refusals=(
            Refusal(
                prompt_over(64),
                200,
                {
                    "error": {
                        "message": "Trying to keep the first 6547 tokens when context overflows."
                        " However, the model is loaded with a context length of only 4096 tokens,"
                        " which is not enough. Try to load the model with a larger context length,"
                        " or provide a shorter input."
                    }
                },
                event="error",
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="vllm-context",
        server="vLLM: prompt and answer must fit the context",
        source="https://github.com/FoundationAgents/OpenManus/issues/840",
        by_hand="a smaller max_tokens",
        preset=Preset(max_tokens=2_000),
        refusals=(Refusal(total_over(CONTEXT), 400, _vllm_context_error),),
    ),
    Dialect(
        name="vllm-xgrammar",
        server="vLLM 0.8: numbers of items refused, without saying which word",
        source="https://github.com/vllm-project/vllm/issues/16880",
        by_hand="a schema without minItems",
        preset=Preset("plain"),
        refusals=(
            Refusal(
                schema_has("minItems", "maxItems", "minLength", "maxLength", "prefixItems"),
                400,
                vllm_error("The provided JSON schema contains features not supported by xgrammar."),
            ),
        ),
    ),
    Dialect(
        name="vllm-gemma",
        server="vLLM with Gemma 2: no system message",
        source="https://github.com/vllm-project/guidellm/issues/67",
        by_hand="rules in the user message",
        preset=Preset(folds_system_message=True),
        refusals=(Refusal(has_system_message, 400, vllm_error("System role not supported")),),
    ),
    Dialect(
        name="vllm-unopened-thinking",
        server="vLLM without a reasoning parser: `</think>` without its opening tag",
        source=(
            "https://github.com/tonyd2wild/DeepSeek-v4-Flash-Vision-Exp-DSpark-1M-NVFP4-KV-2x-DGX-"
            "Spark/issues/16"
        ),
        by_hand="nothing",
        speech=Speech(thinking=Thinking.UNOPENED_TAGS),
    ),
    Dialect(
        name="vllm-reasoning-parser",
        server="vLLM with a reasoning parser: thinking as `reasoning`",
        source="https://docs.vllm.ai/en/latest/features/reasoning_outputs.html",
        by_hand="nothing",
        quoted=False,
        speech=Speech(thinking=Thinking.REASONING),
    ),
    Dialect(
        name="tgi-context",
        server="Text Generation Inference: 422 for the context, finish_reason eos_token",
        source="https://github.com/huggingface/text-generation-inference/issues/628",
        by_hand="a smaller max_tokens",
        preset=Preset(max_tokens=2_000),
        refusals=(Refusal(total_over(CONTEXT), 422, _tgi_context_error),),
        speech=Speech(finish_reason="eos_token"),
    ),
    Dialect(
        name="tgi-response-format",
        server="Text Generation Inference 2: a response_format of its own",
        source="https://github.com/huggingface/text-generation-inference/issues/2899",
        by_hand="no response_format",
        preset=Preset("text"),
        refusals=(
            Refusal(
                wants("json_schema", "json_object"),
                422,
                "Failed to deserialize the JSON body into the target type: response_format:"
                " missing field `value` at line 1 column 168",
            ),
        ),
        speech=Speech(finish_reason="eos_token"),
    ),
    Dialect(
        name="localai",
        server="LocalAI: an empty finish_reason and usage of zeros in each chunk",
        source="https://github.com/mattermost/mattermost-plugin-agents/issues/143",
        by_hand="nothing",
        speech=Speech(choice=_localai_choice, envelope={"usage": _NO_USAGE}, usage=no_usage),
    ),
    Dialect(
        name="koboldcpp",
        server="KoboldCpp: the same id in all chunks, no usage",
        source="https://github.com/LostRuins/koboldcpp/issues/2481",
        by_hand="nothing",
        quoted=False,
        speech=Speech(envelope={"id": "koboldcpp", "model": None}, usage=no_usage),
    ),
    Dialect(
        name="text-generation-webui",
        server="text-generation-webui: response_format is ignored, JSON comes in a fence",
        source="https://github.com/oobabooga/text-generation-webui/wiki/12-%E2%80%90-OpenAI-API",
        by_hand="nothing",
        quoted=False,
        speech=Speech(
            rewrite=_fenced, envelope={"object": "chat.completions.chunk"}, usage=no_usage
        ),
    ),
)
