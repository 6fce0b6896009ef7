"""Gateways in front of other servers."""

from tests.support.standin.answers import Json
from tests.support.standin.dialects.dialect import (
    Asked,
    Dialect,
    Preset,
    Refusal,
    always,
    asks_for,
    wants,
)
from tests.support.standin.speech import Speech, usage_always


def _bare_choice(text: str, _so_far: str) -> Json:
    return {"delta": {"content": text}} if text else {"delta": {}}


def _role_and_text(text: str, _so_far: str) -> Json:
    return {"index": 0, "delta": {"role": "assistant", "content": text}, "logprobs": None}


def _litellm_error(_asked: Asked) -> Json:
    return {
        "error": {
            "message": "litellm.UnsupportedParamsError: zai does not support parameters:"
            " ['response_format'], for model=glm-5.2. To drop unsupported params set"
            " `litellm.drop_params = True`. Received Model Group=glm-5.2\nAvailable Model Group"
            " Fallbacks=None",
            "type": "invalid_request_error",
            "param": None,
            "code": "400",
        }
    }


GATEWAYS = (
    Dialect(
        name="litellm-parameters",
        server="LiteLLM's proxy: a model without response_format",
        source="https://github.com/mcdonc/klangk/pull/2067",
        by_hand="no response_format",
        preset=Preset("text"),
        quoted=False,
        refusals=(Refusal(wants("json_schema", "json_object"), 400, _litellm_error),),
    ),
    Dialect(
        name="litellm-key",
        server="LiteLLM's proxy: a key that it does not know",
        source="https://docs.litellm.ai/docs/proxy/virtual_keys",
        by_hand="the right key",
        quoted=False,
        refusals=(
            Refusal(
                always,
                401,
                {
                    "error": {
                        "message": "Authentication Error, Invalid proxy server token passed."
                        " Received API Key = sk-...1234, Key Hash (Token) =88dc28d0f030c55ed4ab77ed"
                        ". Unable to find token in cache or `LiteLLM_VerificationTokenTable`",
                        "type": "token_not_found_in_db",
                        "param": "key",
                        "code": "401",
                    }
                },
            ),
        ),
        problem="model-misconfigured",
    ),
    Dialect(
        name="bedrock-gateway",
        server="Amazon's gateway for Bedrock: finish_reason end_turn",
        source="https://github.com/aws-samples/bedrock-access-gateway/issues/11",
        by_hand="nothing",
        speech=Speech(choice=_role_and_text, finish_reason="end_turn"),
    ),
    Dialect(
        name="cloudflare-workers-ai",
        server="Cloudflare Workers AI: choices without index, no finish_reason",
        source="https://github.com/vercel/ai/pull/4031",
        by_hand="nothing",
        speech=Speech(choice=_bare_choice, finish_reason=None, usage=usage_always),
    ),
    Dialect(
        name="cloudflare-unavailable",
        server="Cloudflare's AI gateway: an upstream that fails once",
        source="https://github.com/cloudflare/cloudflare-docs/issues/15116",
        by_hand="tries again",
        refusals=(
            Refusal(
                asks_for("week"),
                502,
                {
                    "result": None,
                    "success": False,
                    "errors": [{"code": 7009, "message": "Upstream service unavailable"}],
                    "messages": [],
                },
                times=1,
            ),
        ),
    ),
    Dialect(
        name="modelscope",
        server="ModelScope: a schema gives a 200 without choices",
        source="https://github.com/modelscope/modelscope/issues/1801",
        by_hand="response_format json_object",
        preset=Preset("json_object"),
        refusals=(
            Refusal(
                wants("json_schema"),
                200,
                {
                    "id": "",
                    "choices": None,
                    "object": "",
                    "created": 0,
                    "model": "",
                    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
                },
            ),
        ),
    ),
    Dialect(
        name="new-api",
        server="new-api: its group of channels is overloaded for a moment",
        source="https://github.com/666ghj/BettaFish/issues/535",
        by_hand="tries again",
        refusals=(
            Refusal(
                asks_for("week"),
                429,
                {
                    "error": {
                        "message": "当前分组上游负载已饱和，请稍后再试"  # noqa: RUF001  as quoted
                        " (request id: 202601071246251544566634hAu4T9s)",
                        "type": "new_api_error",
                        "param": "",
                        "code": None,
                    }
                },
                times=2,
            ),
        ),
    ),
    Dialect(
        name="new-api-error-in-200",
        server="new-api: an overload that arrives as an event in a 200",
        source="https://github.com/QuantumNous/new-api/issues/7399",
        by_hand="tries again",
        refusals=(
            Refusal(
                asks_for("week"),
                200,
                {
                    "error": {
                        "message": "Our servers are currently overloaded. Please try again later.",
                        "type": "service_unavailable_error",
                        "code": "server_is_overloaded",
                    }
                },
                times=1,
            ),
        ),
    ),
    Dialect(
        name="not-streaming",
        server="A gateway that answers a stream's request with one JSON object",
        source="https://github.com/LostRuins/koboldcpp/issues/2480",
        by_hand="nothing",
        quoted=False,
        speech=Speech(streams=False),
    ),
    Dialect(
        name="gpustack",
        server="GPUStack: an unknown model as 403",
        source="https://github.com/gpustack/gpustack/issues/5036",
        by_hand="the right OPENAI_MODEL",
        refusals=(
            Refusal(
                always,
                403,
                {"error": {"message": "Model not found", "code": 403, "type": "Forbidden"}},
            ),
        ),
        problem="model-misconfigured",
    ),
)
