"""What the stand-in is asked for, and the valid answers to it."""

import json
import re
import unicodedata
import zlib
from dataclasses import dataclass, field
from typing import Any

from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK

Json = dict[str, Any]

KINDS = frozenset({"outline", "week", "replace", "more", "plan", "question"})


# --- What is asked for ----------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What a call asks for: the facts that the prompt states as one JSON object."""

    kind: str = "other"
    facts: Json = field(default_factory=dict)
    schema_wanted: bool = False
    """Whether the call insists on a JSON schema."""
    old_names: bool = False
    """Whether a week and a day are `week_number` and `day_number`, as release 0.1 calls them."""

    @property
    def week_number(self) -> int | None:
        return self.facts.get("week") if self.kind == "week" else None


def message_text(message: Json) -> str:
    """Return a message's text, whether it is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def json_objects(text: str) -> list[Json]:
    """Return the outermost JSON objects that stand anywhere in a text, in order."""
    decoder = json.JSONDecoder()
    found: list[Json] = []
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            found.append(value)
        position = text.find("{", end)
    return found


def find_wanted(body: Json) -> Wanted:
    """Return what the latest message that states it asks for; repairs state only problems."""
    schema_wanted = (body.get("response_format") or {}).get("type") == "json_schema"
    texts = list(map(message_text, body["messages"]))
    old_names = any('"week_number":' in text or '"day_number":' in text for text in texts)
    for text in reversed(texts):
        for facts in reversed(json_objects(text)):
            if facts.get("kind") in KINDS:
                if old_names and "week_number" in facts:
                    facts["week"] = facts["week_number"]
                return Wanted(facts["kind"], facts, schema_wanted, old_names)
    return Wanted(schema_wanted=schema_wanted)


# --- Valid answers --------------------------------------------------------------------------

STAGES = ("Foundations", "First steps", "Building blocks", "Practice", "A small project", "Review")

TASKS = (
    ("reading", "Read an introduction to {topic} and write down the five ideas that matter most"),
    ("practice", "Solve three exercises on {topic} without help, then compare with a solution"),
    ("coding", "Build a small example that uses {topic} and explain why its two inputs differ"),
    ("revision", "Condense your notes about {topic} to half a page from memory, and mark doubts"),
)


def short(text: str, longest: int = 60) -> str:
    """Return a text as one short line of plain characters."""
    visible = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    return " ".join(visible.split())[:longest].strip()


def outline_answer(facts: Json) -> Json:
    """Return a goal of its own and three topics for every week."""
    goal = short(facts["goal"])
    return {
        "weeks": [
            {
                "week": number,
                "goal": f"{STAGES[(number - 1) % len(STAGES)]} of {goal}, part {number}",
                "focus": [f"{aspect} of part {number}" for aspect in ("terms", "tools", "uses")],
            }
            for number in range(facts.get("from_week", 1), facts["duration_weeks"] + 1)
        ]
    }


def week_answer(facts: Json) -> Json:
    """Return seven days with as many tasks as suit the level and the hours, no text twice."""
    week, hours = facts["week"], facts["daily_hours"]
    topics = [short(topic) for topic in facts.get("focus", ())] or [short(facts["week_goal"], 20)]
    count = tasks_for_day(facts["level"], hours)

    def task(day: int, step: int) -> Json:
        category, text = TASKS[(day + step) % len(TASKS)]
        minutes = round(60 * hours / count)
        return {
            "text": f"{text.format(topic=topics[(day + step) % len(topics)])} "
            f"({week}.{day}.{step}).",
            "effort": "light" if minutes < 20 else "medium" if minutes < 60 else "deep",
            "category": category,
            "minutes": max(5, round(minutes / 5) * 5),
        }

    return {
        "days": [
            {"day": day, "tasks": [task(day, step) for step in range(1, count + 1)]}
            for day in facts.get("days") or range(1, DAYS_PER_WEEK + 1)
        ]
    }


def plan_answer(facts: Json) -> Json:
    """Return a whole plan in one answer: every week with its days."""
    outline = outline_answer(facts)
    return {
        "weeks": [
            week | week_answer(facts | week | {"week_goal": week["goal"]})
            for week in outline["weeks"]
        ]
    }


def replacement_answer(facts: Json) -> Json:
    """Return another task in place of each, or so many more, which no other answer has."""
    tasks = facts["tasks"]
    if count := facts.get("missing_tasks"):
        tasks = tasks[-1:] * count
    return {
        "tasks": [
            task
            | {
                "text": "In place of a repetition, take a fresh look at week "
                f"{facts['week']} from another side, number "
                f"{zlib.crc32(repr((index, task)).encode())}."
            }
            for index, task in enumerate(tasks)
        ]
    }


def _compact(answer: Json) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _named(answer: str, wanted: Wanted) -> str:
    """Return an answer whose weeks and days have their numbers under the name that is wanted."""
    return re.sub(r'"(week|day)":', r'"\1_number":', answer) if wanted.old_names else answer


def answer_text(wanted: Wanted) -> str:
    """Return a valid answer as a model would write it.

    Raises:
        KeyError: the prompt does not state a fact that the answer needs.
    """
    match wanted.kind:
        case "outline":
            return _named(_compact(outline_answer(wanted.facts)), wanted)
        case "week":
            return _named(_compact(week_answer(wanted.facts)), wanted)
        case "plan":
            return _compact(plan_answer(wanted.facts))
        case "replace" | "more":
            return _compact(replacement_answer(wanted.facts))
        case "question":
            return (
                "Start with the first task that is still open and give it your full attention.\n\n"
                "Then take the next one. If time runs short, leave the revision for tomorrow."
            )
        case _:
            return "This is a stand-in, which knows outlines, weeks and questions."
