"""Every way to spoil an answer.

A reply is plain data. A misbehaviour turns a good reply into a bad one, so a new one is a function
and a line in `MISBEHAVIOURS`; only what needs the socket is a `Fault`, which the server acts out.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from src.domain.vocabulary import MAX_TASK_LENGTH
from tests.support.standin.answers import Json, Wanted
from tests.support.standin.speech import Speech


class Fault(Enum):
    """What only the server can act out, since it needs time or the socket."""

    SILENCE = auto()
    BLANK_DRIP = auto()
    SLOW_FIRST_TOKEN = auto()
    CLOSED_CONNECTION = auto()
    CUT_CONNECTION = auto()
    MID_STREAM_ERROR = auto()


@dataclass(frozen=True)
class Reply:
    """All that decides how a call is answered.

    With `error`, the answer is that error, under whichever status; with `html`, that page.
    """

    content: str = ""
    finish_reason: str = "stop"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    error: Json | None = None
    html: str | None = None
    fault: Fault | None = None
    speech: Speech | None = None
    """How the answer is written, if not as OpenRouter writes it."""


Misbehaviour = Callable[[Reply, Wanted], Reply]


def error_body(code: int, message: str, **metadata: object) -> Json:
    """Return an error in OpenRouter's shape, without the envelope."""
    return {"code": code, "message": message} | ({"metadata": metadata} if metadata else {})


def _half(reply: Reply) -> str:
    return reply.content[: len(reply.content) // 2]


def _on_text(change: Callable[[str], str]) -> Misbehaviour:
    return lambda reply, _: replace(reply, content=change(reply.content))


def _on_plan(change: Callable[[Json, list[Json], str], object]) -> Misbehaviour:
    """Build a misbehaviour of outlines and weeks; other answers stay good.

    `change` gets the answer, its weeks or days, and the name of their number. It changes them in
    place, or returns what to send instead.
    """

    def misbehave(reply: Reply, wanted: Wanted) -> Reply:
        if wanted.kind not in {"outline", "week"}:
            return reply
        plan = json.loads(reply.content)
        items, number = ("weeks", "week") if "weeks" in plan else ("days", "day")
        instead = change(plan, plan[items], number)
        spoilt = plan if instead is None else instead
        text = json.dumps(spoilt, ensure_ascii=False, separators=(",", ":"))
        return replace(reply, content=text)

    return misbehave


def _fails(error: Json, status: int = 200, **headers: str) -> Misbehaviour:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda reply, _: replace(reply, status=status, headers=named, error=error)


def _fault(fault: Fault) -> Misbehaviour:
    return lambda reply, _: replace(reply, fault=fault)


def _ends(finish_reason: str) -> Misbehaviour:
    return lambda reply, _: replace(reply, content=_half(reply), finish_reason=finish_reason)


def _refuses_schema(status: int) -> Misbehaviour:
    message = "response_format of type 'json_schema' is not supported"
    refuse = _fails(error_body(status, message), status)
    return lambda reply, wanted: refuse(reply, wanted) if wanted.schema_wanted else reply


def _missing_items(_plan: Json, items: list[Json], _number: str) -> None:
    del items[len(items) // 2 :]


def _wrong_numbering(_plan: Json, items: list[Json], number: str) -> None:
    """Count 1, 1, 2, …; call a single week 2."""
    for index, item in enumerate(items):
        item[number] = max(index, 1) if len(items) > 1 else 2


def _numbering_from_zero(_plan: Json, items: list[Json], number: str) -> None:
    for index, item in enumerate(items):
        item[number] = index


def _numbers_as_strings(plan: Json, items: list[Json], number: str) -> None:
    for numbered in (plan, *items):
        for key in {number, "week"} & numbered.keys():
            numbered[key] = str(numbered[key])


def _unknown_vocabulary(_plan: Json, items: list[Json], _number: str) -> None:
    for item in items:
        for task in item.get("tasks", ()):
            task |= {"effort": "gigantic", "category": "swimming"}


def _too_many_tasks(_plan: Json, items: list[Json], _number: str) -> None:
    for item in items[:1]:
        first, *_ = tasks = item.get("tasks") or [{}]
        tasks += [first | {"text": f"One more thing, number {n}."} for n in range(1, 11)]


def _thousands_of_tasks(_plan: Json, items: list[Json], _number: str) -> None:
    for item in items[:1]:
        first, *_ = tasks = item.get("tasks") or [{}]
        tasks += [first | {"text": f"Another one, number {n}."} for n in range(3_000)]


def _duplicated_item(_plan: Json, items: list[Json], _number: str) -> None:
    items.insert(1, items[0])


def _links_and_markup(_plan: Json, items: list[Json], _number: str) -> None:
    """Do what an instruction inside the goal asked for."""
    for item in items:
        if "goal" in item:
            item["goal"] = f"**{item['goal']}** <b>now</b> at https://evil.example/x"
        for task in item.get("tasks", ()):
            task["text"] = f"- [Click]({'https://evil.example'}) <img src=x> {task['text']}"


def _empty_day(_plan: Json, items: list[Json], _number: str) -> None:
    for item in items[2:3]:
        if "tasks" in item:
            item["tasks"] = []


def _long_task(_plan: Json, items: list[Json], _number: str) -> None:
    text = ("and then once more " * MAX_TASK_LENGTH)[:2_000]
    for item in items[:1]:
        if "tasks" in item:
            item["tasks"][0]["text"] = text
        else:
            item["goal"] = text


def _duplicate_tasks(_plan: Json, items: list[Json], _number: str) -> None:
    """Let every day be like the first, or every week's goal like the first week's."""
    for item in items:
        item |= {key: items[0][key] for key in ("tasks", "goal") if key in item}


def _list_for_object(_plan: Json, items: list[Json], _number: str) -> object:
    return items


def _markdown(plan: Json, items: list[Json], _number: str) -> str:
    lines = [f"## {item.get('goal', 'A day')}" for item in items]
    return "\n\n".join([f"# Plan {plan.get('week', '')}", *lines])


def _as_markdown(reply: Reply, wanted: Wanted) -> Reply:
    spoilt = _on_plan(_markdown)(reply, wanted)
    text = json.loads(spoilt.content) if spoilt is not reply else f"**{reply.content}**"
    return replace(reply, content=text)


def _wrong_keys(text: str) -> str:
    for right, wrong in {"weeks": "plan", "days": "schedule", "text": "title"}.items():
        text = text.replace(f'"{right}":', f'"{wrong}":')
    return text


_REFUSAL = "I'm sorry, but I can't help with that."
_PAGE = "<!doctype html><html><head><title>Just a moment</title></head><body>…</body></html>"
_PROVIDER_ERROR = error_body(502, "Provider returned error", provider_name="StandIn")

_STATUSES: Sequence[tuple[int, str]] = (
    (400, "Invalid request parameters"),
    (401, "User not found."),
    (402, "Insufficient credits. Add more and retry the request."),
    (404, "No endpoints found that can handle the requested parameters."),
    (408, "Request timed out"),
    (500, "Internal Server Error"),
    (502, "Provider returned error"),
    (503, "No instances available"),
)
_MODERATED = error_body(403, "Input was flagged", reasons=["violence"], flagged_input="…")
_LIMITED = error_body(429, "Rate limit exceeded: free-models-per-min.")

MISBEHAVIOURS: dict[str, Misbehaviour] = {
    # The text is not the JSON that was asked for.
    "malformed_json": _on_text(lambda text: text.replace('":', '";')),
    "fenced_json": _on_text(lambda text: f"```json\n{text}\n```"),
    "prose_around_json": _on_text(lambda text: f"Sure! Here it is:\n\n{text}\n\nGood luck!"),
    "trailing_comma": _on_text(lambda text: text.replace("}]", "},]")),
    "empty_content": _on_text(lambda _: ""),
    "json_null": _on_text(lambda _: "null"),
    "refusal_text": _on_text(lambda _: _REFUSAL),
    "markdown": _as_markdown,
    # The JSON is not the plan that was asked for.
    "missing_weeks": _on_plan(_missing_items),
    "wrong_numbering": _on_plan(_wrong_numbering),
    "numbering_from_zero": _on_plan(_numbering_from_zero),
    "numbers_as_strings": _on_plan(_numbers_as_strings),
    "unknown_vocabulary": _on_plan(_unknown_vocabulary),
    "too_many_tasks": _on_plan(_too_many_tasks),
    "thousands_of_tasks": _on_plan(_thousands_of_tasks),
    "duplicated_week": _on_plan(_duplicated_item),
    "links_and_markup": _on_plan(_links_and_markup),
    "empty_day": _on_plan(_empty_day),
    "long_task": _on_plan(_long_task),
    "duplicate_tasks": _on_plan(_duplicate_tasks),
    "list_for_object": _on_plan(_list_for_object),
    "wrong_keys": _on_text(_wrong_keys),
    # The answer ends for another reason than that it is complete.
    "cut_output": _ends("length"),
    "content_filter": _ends("content_filter"),
    "finish_error": _ends("error"),
    "mid_stream_error": _fault(Fault.MID_STREAM_ERROR),
    # There is no answer.
    "error_in_200": _fails(_PROVIDER_ERROR),
    "html_200": lambda reply, _: replace(reply, html=_PAGE),
    **{f"status_{code}": _fails(error_body(code, text), code) for code, text in _STATUSES},
    "status_403": _fails(_MODERATED, 403),
    "status_429": _fails(_LIMITED, 429, Retry_After="1"),
    "status_429_forever": _fails(_LIMITED, 429, Retry_After="3600"),
    "reject_json_schema": _refuses_schema(400),
    "reject_json_schema_500": _refuses_schema(500),
    # Time and the socket.
    "silence": _fault(Fault.SILENCE),
    "blank_drip": _fault(Fault.BLANK_DRIP),
    "slow_first_token": _fault(Fault.SLOW_FIRST_TOKEN),
    "closed_connection": _fault(Fault.CLOSED_CONNECTION),
    "cut_connection": _fault(Fault.CUT_CONNECTION),
}
"""Every misbehaviour by its name.

Those of tasks and days (`unknown_vocabulary`, `too_many_tasks`, `empty_day`) leave outlines good;
`long_task` and `duplicate_tasks` befall an outline's goals. Those of plans leave answers to
questions good.
"""
