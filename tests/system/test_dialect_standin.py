"""The stand-in that speaks dialects: what a client configured by hand can have of it."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from src.domain.plan import PlanRequest, WeekOutline
from src.llm.openrouter import prompts
from src.llm.openrouter.schemas import days_shape
from tests.support.standin import OpenRouterStandIn
from tests.support.standin.answers import answer_text, find_wanted
from tests.support.standin.dialects import DIALECTS, Dialect, DialectStandIn
from tests.support.standin.dialects.dialect import Preset

REQUEST = PlanRequest(goal="Learn Python", duration_weeks=2, daily_hours=2, level="intermediate")
WEEK = WeekOutline(week_number=1, goal="Foundations", focus=("terms",))
DAYS = (1, 2, 3, 4)

WORKING = {name: dialect for name, dialect in DIALECTS.items() if dialect.problem is None}
HOPELESS = {name: dialect for name, dialect in DIALECTS.items() if dialect.problem}


def request_by_hand(preset: Preset) -> dict[str, Any]:
    """Return the service's question for four days, as a client so configured asks it."""
    messages: list[Any] = prompts.days_messages(REQUEST, WEEK, (None, None), DAYS, [])
    if preset.folds_system_message:
        text = "\n\n".join(message["content"] for message in messages)
        messages = [{"role": "user", "content": text}]
    shape = days_shape(REQUEST, DAYS)
    schema = {"name": "week", "strict": True, "schema": getattr(shape, preset.answer_format, None)}
    formats = {
        "json_object": {"response_format": {"type": "json_object"}},
        "text": {},
    }
    by_schema = {"response_format": {"type": "json_schema", "json_schema": schema}}
    body = {
        "model": "some/model",
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        preset.limit_name: preset.max_tokens,
        **formats.get(preset.answer_format, by_schema),
    }
    return {name: value for name, value in body.items() if name not in preset.without}


def text_of(answer: httpx.Response) -> str:
    """Return all text of an answer, whichever way its server writes it; empty for an error."""
    if answer.status_code != httpx.codes.OK:
        return ""
    if answer.headers["content-type"] == "application/json":
        text: str = answer.json()["choices"][0]["message"]["content"]
        return text
    pieces = []
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: ")).get("choices") or ():
                content = choice.get("delta", {}).get("content")
                pieces.append(content if isinstance(content, str) else "")
    return "".join(pieces)


def call(standin: DialectStandIn, body: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {standin.api_key}"}
    url = f"{standin.base_url}/chat/completions"
    return httpx.post(url, json=body, headers=headers, timeout=30)


@pytest.mark.parametrize("dialect", WORKING.values(), ids=WORKING.keys())
def test_client_configured_by_hand_gets_the_whole_answer(dialect: Dialect) -> None:
    """The parameters of the preset are all that it takes, once the passing errors are over."""
    body = request_by_hand(dialect.preset)
    expected = dialect.speech.rewrite(answer_text(find_wanted(body)))
    with DialectStandIn(dialect) as standin:
        for _ in range(dialect.passing_errors):
            assert expected not in text_of(call(standin, body))
        answer = call(standin, body)
    assert answer.status_code == 200, answer.text
    assert expected in text_of(answer)


@pytest.mark.parametrize("dialect", HOPELESS.values(), ids=HOPELESS.keys())
def test_no_client_gets_an_answer(dialect: Dialect) -> None:
    """Where a problem is expected, no parameter helps."""
    with DialectStandIn(dialect) as standin:
        for answer_format in ("rich", "plain", "json_object", "text"):
            answer = call(
                standin, request_by_hand(Preset(answer_format, folds_system_message=True))
            )
            assert answer.status_code >= 400 or text_of(answer) == ""


def test_reset_forgets_what_is_on_its_way() -> None:
    """A busy stand-in has not yet read what a client sent that has left since."""
    body = json.dumps({"model": "m", "messages": []})
    head = f"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
    with OpenRouterStandIn() as standin:
        standin.loop.call_soon_threadsafe(time.sleep, 0.3)  # it is busy
        with socket.create_connection(("127.0.0.1", standin.port)) as client:
            client.sendall(f"{head}\r\n\r\n{body}".encode())
        standin.reset()
        time.sleep(0.3)
        assert standin.calls.all() == []
