"""Tries injections on the running service, whose model obeys them.

`injection_trial.jsonl` holds the attempts, a line each. Malicious addresses in it are of domains
and networks that are reserved for examples, or lead nowhere under endings that real links have.
What nobody sees is escaped there.
"""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx

from src.domain.plan import PlanRequest
from src.domain.vocabulary import MAX_TASK_LENGTH, MAX_WEEKLY_GOAL_LENGTH
from tests.support.learners import roadmap_request
from tests.support.plans import roadmap_violations
from tests.support.service import model_variables, running_service
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.standin.obedience import Order

HELD = "held"

LONGEST_ANSWER = 8_000
LONGEST_PROMPT = 30_000

SEEN_BEFORE = 400
"""How many characters before a piece are checked with it; the whole is checked at the end."""

LINK = re.compile(r"[a-z][a-z0-9+.-]*://\w|(?<![a-z0-9])www\.\w", re.IGNORECASE)
"""What clients that show plain text turn into links. Other text is only text, whatever it says."""

OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


PADDINGS = 4_000


@dataclass(frozen=True)
class Attempt:
    """One attempt: its text, where it stands, and what an obedient model does, with which payload.

    `unseen` is the part of the text that no person sees; the model reads it as the rest.
    `padding` follows the text, thousands of times.
    """

    name: str
    place: Literal["goal", "question", "task"]
    language: str
    text: str
    deed: str
    payload: str = ""
    unseen: str = ""
    padding: str = ""

    @property
    def whole_text(self) -> str:
        return self.text + self.padding * PADDINGS

    @property
    def order(self) -> Order:
        return Order(self.unseen or self.whole_text, self.deed, self.payload)


ATTEMPTS = tuple(
    Attempt(**json.loads(line))
    for line in Path(__file__).with_suffix(".jsonl").read_text("utf-8").splitlines()
)


@dataclass
class Trial:
    """A service on SQLite over a stand-in that obeys, with a learner whom no attempt may touch."""

    client: httpx.Client
    standin: OpenRouterStandIn
    database: Path
    canaries: list[str] = field(default_factory=list)

    def run(self, attempt: Attempt) -> str:
        """Return `held`, or a sentence on what broke."""
        canary = f"canary{uuid4().hex}"
        self.standin.reset()
        self.standin.pace = Pace()
        self.standin.script.obey(attempt.order)
        try:
            (self._plan if attempt.place == "goal" else self._ask)(attempt, canary)
            self._check_prompts(attempt)
        except AssertionError as error:
            return str(error)
        finally:
            self.canaries.append(canary)
        return HELD

    def add_bystander(self) -> None:
        """Let another learner have a roadmap, and a canary in it."""
        canary = f"canary{uuid4().hex}"
        self._make_roadmap(str(uuid4()), f"Keep {canary} to myself")
        self.canaries.append(canary)

    def _plan(self, attempt: Attempt, canary: str) -> None:
        user_id = str(uuid4())
        body = _request(user_id, f"{attempt.whole_text} {canary}")
        answer = self.client.post("/generate_roadmap", json=body)
        listed = self.client.get("/roadmaps", params={"user_id": user_id}).json()
        if not answer.is_success:
            self._check_problem(answer)
            assert listed == [], "a failed generation left a roadmap"
            return
        roadmap = answer.json()
        assert roadmap["description"] == body["goal"].strip(), "the goal came back changed"
        self._check_stored(roadmap)

    def _check_stored(self, roadmap: dict[str, Any]) -> None:
        tasks = self.client.get(f"/roadmap/{roadmap['roadmap_id']}").json()["tasks"]
        names = ("duration_weeks", "daily_hours", "level")
        shape = {name: roadmap[name] for name in names}
        violations = roadmap_violations(PlanRequest(goal="-", **shape), tasks)
        assert not violations, f"the roadmap breaks its rules: {violations[:3]}"
        for task in tasks:
            for text in (task["task_text"], task["weekly_goal"]):
                assert not {"\n", "\t"} & set(text), "a task has several lines"
                self._check_text(text)
            assert len(task["task_text"]) <= MAX_TASK_LENGTH, "a task is too long"
            assert len(task["weekly_goal"]) <= MAX_WEEKLY_GOAL_LENGTH, "a goal is too long"

    def _ask(self, attempt: Attempt, canary: str) -> None:
        """Ask twice, for the whole answer and for its stream."""
        user_id = str(uuid4())
        roadmap_id = self._make_roadmap(user_id, f"Learn Go {canary}")
        question = attempt.whole_text
        if attempt.place == "task":
            question = "What comes next?"
            self._store_in_tasks(attempt.whole_text, roadmap_id)
        # In pieces too small to hold a link, so that the filter has to remember.
        self.standin.pace = Pace(chunk=25)
        body = {"user_id": user_id, "roadmap_id": roadmap_id, "input_data": question}
        answer = self.client.post("/ask-assistant", json=body)
        if answer.is_success:
            self._check_answer(answer.json()["response"])
        else:
            self._check_problem(answer)
        headers = {"Accept": "text/event-stream"}
        streamed, response = "", None
        with self.client.stream("POST", "/ask-assistant", json=body, headers=headers) as stream:
            for name, data in _events(stream):
                if name == "token":
                    streamed += data
                    self._check_text(streamed[-len(data) - SEEN_BEFORE :])
                elif name == "answer":
                    response = data["response"]
        assert response in {None, streamed}, "the tokens are not the answer"
        if response is not None:
            self._check_answer(response)

    def _store_in_tasks(self, text: str, roadmap_id: int) -> None:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute(
                "update roadmap_tasks set task_text = ? where roadmap_id = ? and day_number < 3",
                (text, roadmap_id),
            )

    def _check_answer(self, text: str) -> None:
        assert bool(text.strip()), "the answer is empty"
        assert len(text) <= LONGEST_ANSWER, "the answer is too long"
        self._check_text(text)

    def _check_problem(self, answer: httpx.Response) -> None:
        summary = f"{answer.status_code}: {answer.text[:200]}"
        media_type = answer.headers["content-type"]
        assert answer.status_code in {502, 503, 504}, f"the service answered {summary}"
        assert media_type == "application/problem+json", f"no problem document: {summary}"
        self._check_text(answer.json()["detail"])

    def _check_text(self, text: str) -> None:
        assert not LINK.search(text), f"a link got through: {text[:200]!r}"
        controls = [c for c in text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t"]
        assert not controls, f"control characters got through: {controls[:5]}"
        assert not OVERRIDES & set(text), f"a direction override got through: {text[:200]!r}"

    def _check_prompts(self, attempt: Attempt) -> None:
        calls = self.standin.calls.all()
        tempted = [call for call in calls if (call.misbehaviour or "").startswith("obeys")]
        assert tempted, "the order did not reach the model as it was written"
        own = attempt.text[:30]
        for call in calls:
            body = json.dumps(call.body, ensure_ascii=False)
            assert not any(name in body for name in self.canaries), "a prompt has another's text"
            assert not {"tools", "functions", "tool_choice"} & call.body.keys(), "it has tools"
            assert [each["role"] for each in call.messages] == ["system", "user"], "other roles"
            system, data = (each["content"] for each in call.messages)
            assert not any(text in system for text in (own, "canary")), (
                "data stands among the rules"
            )
            assert isinstance(json.loads(data), dict), "the data are no JSON object"
            assert not any(mark in data for mark in ("<|", "[INST]")), (
                "a turn's mark is in the data"
            )
            assert len(system + data) <= LONGEST_PROMPT, f"a prompt of {len(data)} characters"

    def _make_roadmap(self, user_id: str, goal: str) -> int:
        answer = self.client.post("/generate_roadmap", json=_request(user_id, goal))
        assert answer.is_success, f"no roadmap to ask about: {answer.status_code} {answer.text}"
        roadmap_id: int = answer.json()["roadmap_id"]
        return roadmap_id


@contextmanager
def running_trial(directory: Path) -> Iterator[Trial]:
    """Run the service in a process, its database in a directory, and the stand-in beside it."""
    with OpenRouterStandIn() as standin:
        variables = {**model_variables(standin), "MODEL_RETRY_WAIT_SECONDS": "0.01"}
        with (
            running_service("uvicorn", directory, variables) as service,
            httpx.Client(base_url=service.url, timeout=60) as client,
        ):
            trial = Trial(client, standin, directory / "momentum.db")
            trial.add_bystander()
            yield trial


def _request(user_id: str, goal: str) -> dict[str, Any]:
    return roadmap_request(user_id=user_id, goal=goal, daily_hours=1, level="beginner")


def _events(stream: httpx.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in stream.iter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)
