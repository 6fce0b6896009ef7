"""A gullible model: it reads an order in a learner's text and does what it says."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.support.standin.answers import Json, Wanted
from tests.support.standin.misbehaviours import Reply

READ_CHARACTERS = 200
"""An order is recognised by its beginning: prompts may cut what is longer."""

Deed = Callable[[Reply, Wanted, str, str], Reply]
"""Turns the good reply into the bad one, by the system prompt and the order's payload."""


@dataclass(frozen=True)
class Order:
    """An order: how it is worded, what is done when a prompt's data contain it, and with what."""

    text: str
    deed: str
    payload: str = ""

    def __post_init__(self) -> None:
        if self.deed not in DEEDS:
            raise ValueError(f"unknown deed {self.deed!r}")

    def stands_in(self, facts: Json) -> bool:
        """Whether a reader of these facts finds the order, also between other characters."""
        said = " ".join(_texts(facts))
        words = _letters(self.text)[:READ_CHARACTERS]
        return words in _letters(said) if words else self.text in said

    def obeyed(self, reply: Reply, wanted: Wanted, system_prompt: str) -> Reply:
        return DEEDS[self.deed](reply, wanted, system_prompt, self.payload)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _letters(text: str) -> str:
    whole = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in whole if character.isalnum())


def _reworded(reply: Reply, wanted: Wanted, change: Callable[[str], str]) -> Reply:
    """Return the reply with every goal and every task changed; an answer's text as a whole."""
    if wanted.kind not in {"outline", "week", "replace"}:
        return replace(reply, content=change(reply.content))
    answer = json.loads(reply.content)
    for item in [*answer.get("weeks", ()), *answer.get("tasks", ()), *_tasks(answer)]:
        key = "goal" if "goal" in item else "text"
        item[key] = change(item[key])
    return _compact(reply, answer)


def _tasks(answer: Json) -> list[Json]:
    return [task for day in answer.get("days", ()) for task in day["tasks"]]


def _compact(reply: Reply, answer: object) -> Reply:
    return replace(reply, content=json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


def _says(reply: Reply, wanted: Wanted, _prompt: str, payload: str) -> Reply:
    return _reworded(reply, wanted, lambda text: f"{payload} {text}")


def _leaks(reply: Reply, wanted: Wanted, prompt: str, _payload: str) -> Reply:
    most = 270 if wanted.kind == "outline" else 450 if wanted.kind != "question" else None
    return _reworded(reply, wanted, lambda text: f"{text[-9:]} {prompt[:most]}")  # its number first


def _dumps(reply: Reply, wanted: Wanted, prompt: str, _payload: str) -> Reply:
    everything = f"{prompt}\n{json.dumps(wanted.facts, ensure_ascii=False)}"
    return _reworded(reply, wanted, lambda text: f"{text[:5]} {everything}")


def _more_tasks(reply: Reply, wanted: Wanted, _prompt: str, payload: str) -> Reply:
    answer = json.loads(reply.content)
    for day in answer.get("days", ()):
        first, place = day["tasks"][0], f"{wanted.week_number}.{day['day']}"
        day["tasks"] += [first | {"text": f"{payload} {place}.{n}"} for n in range(30)]
    return _compact(reply, answer)


def _more_weeks(reply: Reply, wanted: Wanted, _prompt: str, payload: str) -> Reply:
    answer = json.loads(reply.content)
    if wanted.kind == "outline":
        first = len(answer["weeks"]) + 1
        answer["weeks"] += [
            {"week": n, "goal": f"{payload} {n}", "focus": []} for n in range(first, 200)
        ]
    return _compact(reply, answer)


def _more_days(reply: Reply, wanted: Wanted, _prompt: str, payload: str) -> Reply:
    answer = json.loads(reply.content)
    if wanted.kind == "week":
        task = answer["days"][0]["tasks"][0]
        answer["days"] += [
            {"day": n, "tasks": [task | {"text": f"{payload} {n}.{m}"} for m in range(3)]}
            for n in range(8, 31)
        ]
    return _compact(reply, answer)


def _other_shape(reply: Reply, _wanted: Wanted, _prompt: str, payload: str) -> Reply:
    return _compact(reply, {"status": "ok", "result": [{"html": payload}]})


def _closes_early(reply: Reply, _wanted: Wanted, _prompt: str, payload: str) -> Reply:
    return replace(reply, content=f'{{"weeks":[],"days":[]}}\n```\n{payload}\n```\n{reply.content}')


def _rambles(reply: Reply, wanted: Wanted, _prompt: str, payload: str) -> Reply:
    return _reworded(reply, wanted, lambda text: f"{text} " + f"{payload} " * 2_000)


def _other_words(reply: Reply, wanted: Wanted, _prompt: str, payload: str) -> Reply:
    answer = json.loads(reply.content)
    for task in _tasks(answer) if wanted.kind == "week" else ():
        task |= {"effort": payload, "category": payload}
    return _compact(reply, answer)


def _calls_a_tool(reply: Reply, _wanted: Wanted, _prompt: str, _payload: str) -> Reply:
    return replace(reply, content="", finish_reason="tool_calls")


DEEDS: dict[str, Deed] = {
    "says": _says,
    "leaks": _leaks,
    "dumps": _dumps,
    "more_tasks": _more_tasks,
    "more_weeks": _more_weeks,
    "more_days": _more_days,
    "other_shape": _other_shape,
    "closes_early": _closes_early,
    "rambles": _rambles,
    "other_words": _other_words,
    "calls_a_tool": _calls_a_tool,
}
"""Every deed by its name. Those that change tasks, weeks and days are for plans alone."""
