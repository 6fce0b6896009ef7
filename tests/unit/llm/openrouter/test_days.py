"""Plans from answers in every form that leaves no doubt about what is meant."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain

import pytest

from src.domain.errors import ModelOutputError
from src.domain.plan import Outline, PlannedDay, PlannedTask, PlannedWeek, PlanRequest
from src.domain.plan_rules import outline_violations
from src.llm.openrouter.planner import OpenRouterPlanner
from tests.support.plans import week_violations
from tests.support.standin import OpenRouterStandIn
from tests.support.standin.answers import Json, answer_text, find_wanted
from tests.support.standin.misbehaviours import Fault, Reply
from tests.support.standin.script import EVERY_MISBEHAVIOUR

REQUEST = PlanRequest(goal="Learn Python", duration_weeks=2, daily_hours=2, level="intermediate")
CALLS = {"outline": 1, "week": 4}
"""The calls of a plan if every answer is good at once."""


@pytest.fixture
def planner(model_planner: OpenRouterPlanner) -> OpenRouterPlanner:
    return model_planner


@pytest.fixture
def spoil(standin: OpenRouterStandIn, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that changes all replies to some kinds of questions, or the next few."""

    def spoil(change: Callable[[Reply], Reply], *kinds: str, times: int | None = None) -> None:
        name = f"changed by {change}"
        monkeypatch.setitem(EVERY_MISBEHAVIOUR, name, lambda reply, _: change(reply))
        for kind in kinds:
            standin.script.fail_when(name, kind=kind, times=times)

    return spoil


async def plan(planner: OpenRouterPlanner) -> list[PlannedWeek]:
    """Plan, and return the weeks after judging everything by the rules."""
    parts = [part async for part in planner.plan(REQUEST)]
    (outline,) = (part for part in parts if isinstance(part, Outline))
    assert outline_violations(outline, REQUEST) == []
    weeks = [part for part in parts if isinstance(part, PlannedWeek)]
    weeks.sort(key=lambda week: week.week_number)
    assert [week.goal for week in weeks] == [week.goal for week in outline.weeks]
    for week in weeks:
        assert week_violations(week, week.week_number, REQUEST, frozenset()) == []
        for day in week.days:
            assert sum(minutes_in(day)) == REQUEST.daily_hours * 60
    return weeks


def minutes_in(day: PlannedDay) -> list[int]:
    return [task.estimated_minutes or 0 for task in day.tasks]


def said_by(day: PlannedDay) -> list[PlannedTask]:
    """Return a day's tasks without their minutes, which depend on the day's other tasks."""
    return [task.model_copy(update={"estimated_minutes": None}) for task in day.tasks]


def calls_by_kind(standin: OpenRouterStandIn) -> Counter[str]:
    return Counter(call.kind for call in standin.calls.all())


def on_answer(change: Callable[[Json, list[Json]], object]) -> Callable[[Reply], Reply]:
    """Return a change of a reply's JSON; `change` gets the answer and its list of items.

    It changes them in place, or returns what to send instead: a text, or something for JSON.
    """

    def changed(reply: Reply) -> Reply:
        answer = json.loads(reply.content)
        (items,) = (value for value in answer.values() if isinstance(value, list))
        instead = change(answer, items)
        answer = answer if instead is None else instead
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        return replace(reply, content=text)

    return changed


def _keyed(name: str) -> Callable[[Json, list[Json]], object]:
    """Return a change of a list into an object, whose keys are the numbers."""

    def change(answer: Json, items: list[Json]) -> object:
        (key,) = (key for key, value in answer.items() if value is items)
        number = "week" if key == "weeks" else "day"
        keyed = {name.format(number, item.pop(number)): item for item in items}
        return answer | {key: keyed}

    return change


def _number_as(form: Callable[[str, int], object]) -> Callable[[Json, list[Json]], object]:
    def change(_answer: Json, items: list[Json]) -> None:
        for item in items:
            for key in item.keys() & {"week", "day"}:
                item[key] = form(key, item[key])

    return change


def _renamed(names: dict[str, str]) -> Callable[[Json, list[Json]], object]:
    def change(answer: Json, _items: list[Json]) -> str:
        text = json.dumps(answer)
        for name, other in names.items():
            text = text.replace(f'"{name}":', f'"{other}":')
        return text

    return change


def _topics_as_text(_answer: Json, items: list[Json]) -> None:
    for item in items:
        if "focus" in item:
            item["focus"] = ", ".join(item["focus"])


def _no_topics(_answer: Json, items: list[Json]) -> None:
    for item in items:
        item.pop("focus", None)


def _words(_answer: Json, items: list[Json]) -> None:
    for task in (task for item in items for task in item.get("tasks", ())):
        task["effort"] = task["effort"].title() + " effort"
        task["category"] = [task["category"].upper()]


def _numbered_tasks(_answer: Json, items: list[Json]) -> None:
    for item in items:
        if "tasks" in item:
            item["tasks"] = {f"task_{n}": task for n, task in enumerate(item["tasks"], start=1)}


def _tasks_as_text(_answer: Json, items: list[Json]) -> None:
    for item in items:
        if "tasks" in item:
            item["tasks"] = json.dumps(item["tasks"])


def _change_minutes(change: Callable[[int], object]) -> Callable[[Json, list[Json]], object]:
    def changed(_answer: Json, items: list[Json]) -> None:
        for task in (task for item in items for task in item.get("tasks", ())):
            task["minutes"] = change(task["minutes"])

    return changed


FORMS: dict[str, Callable[[Json, list[Json]], object]] = {
    "in an object": lambda answer, _: {"response": answer},
    "twice in an object": lambda answer, _: {"response": {"response": answer}},
    "beside other fields": lambda answer, _: {"ok": True, "plan": answer, "notes": ["Go on"]},
    "list under another name": lambda _, items: {"plan": items},
    "in a list": lambda answer, _: [answer],
    "bare list": lambda _, items: items,
    "lines": lambda _, items: "\n".join(map(json.dumps, items)),
    "one after another": lambda _, items: "".join(json.dumps(item, indent=1) for item in items),
    "each in a list's answer": lambda answer, items: "\n".join(
        json.dumps({key: [item] if value is items else value for key, value in answer.items()})
        for item in items
    ),
    "after the question": lambda answer, _: (
        json.dumps({"kind": "outline", "goal": "Learn Python", "days": [1, 2, 3, 4]})
        + json.dumps(answer)
    ),
    "after braces": lambda answer, _: f"A set {{1, 2}} of [steps]: {json.dumps(answer)} {{end}}",
    "JSON in JSON": lambda answer, _: json.dumps(json.dumps(answer)),
    "JSON in an object": lambda answer, _: {"response": json.dumps(answer)},
    "JSON for the list": lambda answer, items: {
        key: json.dumps(value) if value is items else value for key, value in answer.items()
    },
    "JSON for the tasks": _tasks_as_text,
    "keyed by number": _keyed("{1}"),
    "keyed by name": _keyed("{0}_{1}"),
    "keyed by title": _keyed("{0} {1}"),
    "numbers in words": _number_as(lambda name, number: f"{name.title()} {number}"),
    "numbers in text": _number_as(lambda _, number: str(number)),
    "numbers as floats": _number_as(lambda _, number: float(number)),
    "ordinals": _number_as(lambda _, number: f"{number}th"),
    "other names": _renamed({"week": "Week", "day": "day_number", "text": "task"}),
    "names in capitals": _renamed({"week": "Week Number", "day": "Day-Number", "text": "Text"}),
    "topics as a text": _topics_as_text,
    "no topics": _no_topics,
    "words": _words,
    "numbered tasks": _numbered_tasks,
    "minutes in words": _change_minutes(lambda minutes: f"{minutes} minutes"),
    "minutes as floats": _change_minutes(float),
    "no minutes": _change_minutes(lambda _: None),
    "minutes of another day": _change_minutes(lambda minutes: 3 * minutes),
    "odd minutes": _change_minutes(lambda minutes: {"about": [minutes]}),
    "single quotes": lambda answer, _: str(answer),
    "no end": lambda answer, _: json.dumps(answer)[:-2],
    "commas": lambda answer, _: json.dumps(answer).replace("}", ",}"),
}


@pytest.mark.long(1)
@pytest.mark.parametrize("name", FORMS)
async def test_every_clear_form_is_read(
    planner: OpenRouterPlanner,
    standin: OpenRouterStandIn,
    spoil: Callable[..., None],
    name: str,
) -> None:
    """A plan comes about without a single retry, and its texts are the model's own."""
    spoil(on_answer(FORMS[name]), "outline", "week")
    weeks = await plan(planner)
    assert calls_by_kind(standin) == CALLS
    own = "".join(answer_text(find_wanted(call.body)) for call in standin.calls.all())
    texts = {task.text for week in weeks for day in week.days for task in day.tasks}
    assert all(json.dumps(text) in own for text in texts | {week.goal for week in weeks})


ENDS: dict[str, Callable[[Reply], Reply]] = {
    **{
        f"finish_reason {reason}": partial(replace, finish_reason=reason)
        for reason in ("error", "eos", "end_turn", "STOP", "length", "content_filter", None)
    },
    # The stand-in breaks off in the middle, here behind the text.
    "cut": lambda reply: _break_off_behind(reply, Fault.CUT_CONNECTION),
    "error": lambda reply: _break_off_behind(reply, Fault.MID_STREAM_ERROR),
}


def _break_off_behind(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, content=reply.content + " " * len(reply.content), fault=fault)


@pytest.mark.long(2)
@pytest.mark.parametrize("name", ENDS)
async def test_no_end_spoils_a_complete_answer(
    planner: OpenRouterPlanner,
    standin: OpenRouterStandIn,
    spoil: Callable[..., None],
    name: str,
) -> None:
    """However the stream ends after its last item, all is there, and nothing is requested again."""
    spoil(ENDS[name], "outline", "week")
    await plan(planner)
    assert calls_by_kind(standin) == CALLS


MINUTES = {
    "they add up": ([10, 20, 30, 60], [10, 20, 30, 60]),
    "they are half of the day": ([5, 10, 15, 30], [10, 20, 30, 60]),
    "one has none": ([10, 20, None, 60], [10, 20, 30, 60]),
    "nobody has any": ([None] * 4, [15, 30, 30, 45]),
}


@pytest.mark.parametrize(("said", "stored"), MINUTES.values(), ids=MINUTES)
async def test_minutes_are_scaled_and_not_requested_again(
    planner: OpenRouterPlanner,
    standin: OpenRouterStandIn,
    spoil: Callable[..., None],
    said: list[int | None],
    stored: list[int],
) -> None:
    """They keep their ratio and fill the day; without any, the effort decides."""

    def say(_answer: Json, items: list[Json]) -> None:
        for item in items:
            efforts = ("light", "medium", "medium", "deep")
            for task, effort, minutes in zip(item["tasks"], efforts, said, strict=True):
                task |= {"effort": effort, "minutes": minutes}

    spoil(on_answer(say), "week")
    weeks = await plan(planner)
    assert calls_by_kind(standin) == CALLS
    assert {tuple(minutes_in(day)) for week in weeks for day in week.days} == {tuple(stored)}


async def test_last_days_return_to_the_topics_of_earlier_weeks(
    planner: OpenRouterPlanner, standin: OpenRouterStandIn
) -> None:
    """Each topic comes back after 1, 2, 4 and 8 weeks."""
    request = REQUEST.model_copy(update={"duration_weeks": 10})
    parts = [part async for part in planner.plan(request)]
    (outline,) = (part for part in parts if isinstance(part, Outline))
    focus = {week.week_number: list(week.focus) for week in outline.weeks}
    assert all(focus.values())
    for call in standin.calls.all():
        if call.kind == "week":
            earlier = (focus.get(call.facts["week"] - gap, []) for gap in (1, 2, 4, 8))
            due = list(chain.from_iterable(earlier)) if 7 in call.facts["days"] else []
            assert call.facts.get("review", []) == due


async def test_too_many_tasks_are_cut(
    planner: OpenRouterPlanner, standin: OpenRouterStandIn, spoil: Callable[..., None]
) -> None:
    """A day keeps its first tasks, at most as many as the level allows."""

    def double(_answer: Json, items: list[Json]) -> None:
        for day in items:
            more = [
                task | {"text": f"{task['text']} Again, {n}."}
                for n, task in enumerate(day["tasks"])
            ]
            day["tasks"] += more

    standard = await plan(planner)
    standin.calls.reset()
    spoil(on_answer(double), "week")
    weeks = await plan(planner)
    assert calls_by_kind(standin) == CALLS
    for week, expected in zip(weeks, standard, strict=True):
        for day, expected_day in zip(week.days, expected.days, strict=True):
            assert len(day.tasks) == 5
            assert said_by(day)[:4] == said_by(expected_day)
            assert minutes_in(day) == [25, 25, 25, 25, 20]


def _short(_answer: Json, items: list[Json]) -> None:
    """Leave the first day of an answer one task only."""
    del items[0]["tasks"][1:]


async def test_too_few_tasks_are_completed(
    planner: OpenRouterPlanner, standin: OpenRouterStandIn, spoil: Callable[..., None]
) -> None:
    """The rest of the day is requested, and of that day alone: its one task stays."""
    standard = await plan(planner)
    standin.calls.reset()
    spoil(on_answer(_short), "week")
    weeks = await plan(planner)
    # Each of the four calls for days has one short day.
    assert calls_by_kind(standin) == {**CALLS, "more": 4}
    asked = [call.facts for call in standin.calls.all() if call.kind == "more"]
    assert {(facts["week"], facts["day"]) for facts in asked} == {
        (week, day) for week in (1, 2) for day in (1, 5)
    }
    assert {facts["missing_tasks"] for facts in asked} == {3}
    for week, expected in zip(weeks, standard, strict=True):
        assert said_by(week.days[0])[:1] == said_by(expected.days[0])[:1]
        assert week.days[1:4] == expected.days[1:4]


def _spoil_tasks(_answer: Json, items: list[Json]) -> None:
    """Leave the first day two valid tasks, which is one too few."""
    first, second, *_ = items[0]["tasks"]
    first["effort"] = "light to medium"
    second["text"] = "long " * 200


async def test_bad_task_does_not_cost_its_day(
    planner: OpenRouterPlanner, standin: OpenRouterStandIn, spoil: Callable[..., None]
) -> None:
    """A task that breaks the rules is dropped, and a day that gets too short by it is completed."""
    spoil(on_answer(_spoil_tasks), "week")
    await plan(planner)
    assert calls_by_kind(standin) == {**CALLS, "more": 4}


async def test_tasks_that_complete_a_day_are_new(
    planner: OpenRouterPlanner, standin: OpenRouterStandIn, spoil: Callable[..., None]
) -> None:
    """One that repeats a task of the day is refused, and the next question asks for it alone."""

    def repeat(_answer: Json, items: list[Json]) -> None:
        items[1] |= {"text": items[0]["text"]}

    spoil(on_answer(_short), "week", times=1)
    spoil(on_answer(repeat), "more", times=1)
    await plan(planner)
    asked = [call.facts for call in standin.calls.all() if call.kind == "more"]
    assert [facts["missing_tasks"] for facts in asked] == [3, 1]
    assert len(asked[1]["tasks"]) == 3
    assert asked[1]["problems"][0] == "A task repeats another."


NO_TASKS: dict[str, Callable[[Json, list[Json]], None]] = {
    "texts alone": lambda _, items: _replace_tasks(items, lambda task: task["text"]),
    "no effort": lambda _, items: _replace_tasks(items, lambda task: _without(task, "effort")),
    "no category": lambda _, items: _replace_tasks(items, lambda task: _without(task, "category")),
    "two efforts": lambda _, items: _replace_tasks(
        items, lambda task: task | {"effort": "light to medium"}
    ),
    "two categories": lambda _, items: _replace_tasks(
        items, lambda task: task | {"category": "code review"}
    ),
    "a scale": lambda _, items: _replace_tasks(items, lambda task: task | {"effort": 2}),
    "no numbers": lambda _, items: [item.pop("day") for item in items].clear(),
    "two numbers": lambda _, items: [
        item.update(day=f"Day {item['day']} of 7") for item in items
    ].clear(),
}


def _replace_tasks(items: list[Json], change: Callable[[Json], object]) -> None:
    for item in items:
        item["tasks"] = [change(task) for task in item["tasks"]]


def _without(task: Json, field: str) -> Json:
    return {key: value for key, value in task.items() if key != field}


@pytest.mark.long(3)
@pytest.mark.parametrize("name", NO_TASKS)
async def test_doubtful_answers_are_refused(
    planner: OpenRouterPlanner,
    standin: OpenRouterStandIn,
    spoil: Callable[..., None],
    name: str,
) -> None:
    """What could mean several things is requested again, within the budget of retries."""
    spoil(on_answer(NO_TASKS[name]), "week")
    with pytest.raises(ModelOutputError):
        await plan(planner)
    assert len(standin.calls.all()) <= 5 + 16


async def test_days_that_stay_short_end_within_the_budget(
    planner: OpenRouterPlanner, standin: OpenRouterStandIn, spoil: Callable[..., None]
) -> None:
    """A model that never completes a day costs the retries of a roadmap and no more."""
    spoil(on_answer(_short), "week")
    spoil(lambda reply: replace(reply, content='{"tasks":[]}'), "more")
    with pytest.raises(ModelOutputError):
        await plan(planner)
    # Five calls and four for the short days, and the retries: 2 * (1 + 2 * 2) + 6.
    assert len(standin.calls.all()) <= 9 + 16
