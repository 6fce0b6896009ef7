"""What single answers of real servers and models look like now and then; all of it passes.

Each keeps the plan that was asked for, or is an error that another call does not meet. Reports of
most of them are named in `tests.support.standin.dialects`.
"""

import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

from tests.support.standin.answers import Json, Wanted
from tests.support.standin.misbehaviours import Misbehaviour, Reply, error_body
from tests.support.standin.speech import End, Speech, Thinking, usage_always
from tests.support.standin.times import milliseconds_from_now


def _spoken(speech: Speech) -> Misbehaviour:
    return lambda reply, _: replace(reply, speech=speech)


def _limited(
    headers: Callable[[], dict[str, str]],
    message: str = "Rate limit exceeded",
    *,
    in_metadata: bool = False,
) -> Misbehaviour:
    """Build a 429 whose clock stands in headers, in the error's metadata or in its message."""

    def misbehave(reply: Reply, _wanted: Wanted) -> Reply:
        stated = headers()
        error = error_body(429, message, **({"headers": stated} if in_metadata else {}))
        sent = () if in_metadata else tuple(stated.items())
        return replace(reply, status=429, error=error, headers=sent)

    return misbehave


def _refused(status: int, error: Json) -> Misbehaviour:
    return lambda reply, _: replace(reply, status=status, error=error)


def _on_answer(change: Callable[[Json], object]) -> Misbehaviour:
    """Build a misbehaviour of plans: `change` returns what to send in place of the object."""

    def misbehave(reply: Reply, wanted: Wanted) -> Reply:
        if wanted.kind not in {"outline", "week"}:
            return reply
        text = json.dumps(change(json.loads(reply.content)), ensure_ascii=False)
        return replace(reply, content=text)

    return misbehave


# --- Envelopes ------------------------------------------------------------------------------


def _in_parts(text: str, _so_far: str) -> Json:
    parts = [{"type": "text", "text": text}] if text else []
    return {"index": 0, "delta": {"content": parts}, "finish_reason": None}


def _in_an_object(text: str, _so_far: str) -> Json:
    return {"index": 0, "delta": {"content": {"type": "text", "text": text}}}


def _as_message(text: str, _so_far: str) -> Json:
    return {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": None}


def _odd_usage(usage: Json, _body: Json) -> list[Json]:
    reports: tuple[object, ...] = (
        None,
        {},
        {"prompt_tokens": 12.5, "completion_tokens": None},
        {"prompt_tokens": "500", "total_tokens": -1},
        [usage],
    )
    return [{"choices": [], "usage": report} for report in reports]


def _unknown_finish_reason(reply: Reply, _wanted: Wanted) -> Reply:
    reasons = ("eos", "end_turn", "STOP", "eos_token", "COMPLETE")
    reason = reasons[zlib.crc32(reply.content.encode()) % len(reasons)]
    return replace(reply, speech=Speech(finish_reason=reason))


def _only_thinks(reply: Reply, _wanted: Wanted) -> Reply:
    return replace(reply, content=f"<think>\nFirst a DISCARDED DRAFT: {reply.content}")


# --- Shapes ---------------------------------------------------------------------------------


def _numbers_in_words(answer: Json) -> Json:
    """Write "Week 1" for 1, as small models do."""
    text = json.dumps(answer)
    text = re.sub(r'"week": (\d+)', r'"week": "Week \1"', text)
    renumbered: Json = json.loads(re.sub(r'"day": (\d+)', r'"day": "Day \1"', text))
    return renumbered


def _focus_as_text(answer: Json) -> Json:
    for week in answer.get("weeks", ()):
        week["focus"] = ", ".join(week["focus"])
    return answer


def _days_by_number(answer: Json) -> Json:
    if "days" in answer:
        answer["days"] = {str(day["day"]): day for day in answer["days"]}
    return answer


def _too_few_tasks(answer: Json) -> Json:
    for day in answer.get("days", ())[:1]:
        del day["tasks"][1:]
    return answer


ODDITIES: dict[str, Misbehaviour] = {
    # Everything has arrived when the stream ends badly.
    "ends_closed": _spoken(Speech(end=End.CLOSED)),
    "ends_silent": _spoken(Speech(end=End.SILENT)),
    "ends_with_error_event": _spoken(Speech(end=End.ERROR)),
    "ends_with_error_reason": _spoken(Speech(finish_reason="error")),
    "ends_without_reason": _spoken(Speech(finish_reason=None, sends_done=False)),
    "ends_with_unknown_reason": _unknown_finish_reason,
    # Thinking, with a draft in it.
    "thinks_in_tags": _spoken(Speech(thinking=Thinking.TAGS)),
    "thinks_in_unopened_tags": _spoken(Speech(thinking=Thinking.UNOPENED_TAGS)),
    "thinks_in_harmony": _spoken(Speech(thinking=Thinking.HARMONY)),
    "thinks_in_parts": _spoken(Speech(thinking=Thinking.CONTENT_PARTS)),
    "thinks_beside": _spoken(Speech(thinking=Thinking.REASONING_CONTENT)),
    "only_thinks": _only_thinks,
    # The envelope is not OpenAI's.
    "choice_without_delta": _spoken(
        Speech(
            first_chunks=({"choices": [{"index": 0, "finish_reason": None}]},),
            last_chunks=({"choices": [{"index": 0, "content_filter_results": {}}]},),
        )
    ),
    "null_choices": _spoken(Speech(first_chunks=({"choices": None}, {"choices": [None]}))),
    "text_in_parts": _spoken(Speech(choice=_in_parts)),
    "text_in_object": _spoken(Speech(choice=_in_an_object)),
    "message_for_delta": _spoken(Speech(choice=_as_message)),
    "odd_model": _spoken(Speech(envelope={"model": {"name": 7}, "id": None, "created": "now"})),
    "odd_usage": _spoken(Speech(usage=_odd_usage)),
    "not_streamed": _spoken(Speech(streams=False, usage=usage_always)),
    # The server is busy for a moment, and says for how long.
    "limited_until_date": _limited(
        lambda: {"Retry-After": formatdate(time.time() + 1, usegmt=True)}
    ),
    "limited_for_milliseconds": _limited(lambda: {"retry-after-ms": "300"}),
    "limited_until_reset": _limited(lambda: {"X-RateLimit-Reset": milliseconds_from_now(0.3)}),
    "limited_in_metadata": _limited(
        lambda: {"X-RateLimit-Reset": milliseconds_from_now(0.3)}, in_metadata=True
    ),
    "limited_in_words": _limited(
        dict, "Rate limit reached on tokens per minute (TPM). Please try again in 300ms."
    ),
    # A 400 that is no dialect.
    "invalid_json_400": _refused(
        400,
        {
            "message": "Failed to generate JSON. Please adjust your prompt. See 'failed_generation'"
            " for more details.",
            "type": "invalid_request_error",
            "code": "json_validate_failed",
            "failed_generation": "",
        },
    ),
    "provider_400": _refused(
        400,
        error_body(
            400,
            "Provider returned error",
            raw='{"error":{"message":"Internal error encountered.","status":"INTERNAL"}}',
            provider_name="Google AI Studio",
        ),
    ),
    # The plan is there, in another shape.
    "wrapped_object": _on_answer(lambda answer: {"response": answer}),
    "numbers_in_words": _on_answer(_numbers_in_words),
    "focus_as_text": _on_answer(_focus_as_text),
    "days_by_number": _on_answer(_days_by_number),
    "too_few_tasks": _on_answer(_too_few_tasks),
}
"""Every oddity by its name."""
