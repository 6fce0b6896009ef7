"""Has the real model make roadmaps and answers through the service, and judges them.

with running_model() as model, running_service(model, directory) as client:
    outcome = make_roadmap(client, model, seed=1, weeks=1)
    print(outcome.roadmap_id or outcome.problem, outcome.faults)
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from src.domain.plan import PlanRequest
from src.domain.vocabulary import Level
from src.llm.openrouter.plain_text import plain_line
from tests.support.learners import ANA
from tests.support.plans import roadmap_violations
from tests.support.real_model import MODEL, SECONDS_PER_CALL, RealModel
from tests.support.service import free_port, running_process, uvicorn_command

GOALS = (
    "Learn Python for data science",
    "Play the guitar",
    "Run a half marathon",
    "Speak Spanish on holiday",
    "Bake sourdough bread",
    "Understand linear algebra",
    "Paint with watercolours",
    "Write a short story",
    "Build a website with React",
    "Manage my personal finances",
)
QUESTIONS = (
    "How should I begin with the first day?",
    "What comes next?",
    "Which task is the hardest, and why?",
    "I missed two days. How do I catch up?",
    "How can I practise with ten minutes a day?",
    "What have I done so far?",
    "How do I know that I am ready for the next task?",
    "Can you explain the first task in other words?",
    "What should I do when I get stuck?",
    "How do I remember what I learn?",
)
LEVELS: tuple[Level, ...] = ("beginner", "intermediate", "advanced")

SECONDS_PER_ROADMAP = 3_600

PATIENCE = {
    "MODEL_CALL_TIMEOUT_SECONDS": str(SECONDS_PER_CALL),
    "MODEL_IDLE_TIMEOUT_SECONDS": str(SECONDS_PER_CALL),
    "ANSWER_TIMEOUT_SECONDS": str(SECONDS_PER_CALL),
    "GENERATION_TIMEOUT_SECONDS": str(SECONDS_PER_ROADMAP),
    "MODEL_RETRY_WAIT_SECONDS": "0.05",
}
"""A model that shares a core with other work takes its time."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass
class Outcome:
    """What a request for a roadmap came to."""

    request: PlanRequest
    seconds: float
    calls: int
    roadmap_id: int | None = None
    """None if there is a problem."""
    problem: str = ""
    """The type of the problem, or nothing if there is a roadmap."""
    faults: list[str] = field(default_factory=list)
    """What is wrong with the roadmap, or with the problem, one sentence each."""


@contextmanager
def running_service(model: RealModel, directory: Path) -> Iterator[httpx.Client]:
    """Run the service over the model, and yield a client of it."""
    port = free_port()
    variables = PATIENCE | {
        "OPENAI_API_KEY": "any",
        "OPENAI_BASE_URL": model.url,
        "OPENAI_MODEL": MODEL,
    }
    with (
        running_process(uvicorn_command(port), port, directory, variables) as service,
        httpx.Client(base_url=service.url, timeout=SECONDS_PER_ROADMAP) as client,
    ):
        yield client


def make_roadmap(
    client: httpx.Client, model: RealModel, seed: int, weeks: int, daily_hours: float = 1
) -> Outcome:
    """Ask for a roadmap whose goal and level follow from the seed, and judge what comes."""
    request = PlanRequest(
        goal=GOALS[(seed - 1) % len(GOALS)],
        level=LEVELS[(seed - 1) % len(LEVELS)],
        duration_weeks=weeks,
        daily_hours=daily_hours,
    )
    stored_before = _roadmaps(client)
    model.start(seed)
    started = time.monotonic()
    answer = client.post("/generate_roadmap", json=request.model_dump() | {"user_id": ANA})
    outcome = Outcome(request, time.monotonic() - started, calls=len(model.written))
    body = answer.json()
    if answer.is_success:
        outcome.roadmap_id = body["roadmap_id"]
        tasks = client.get(f"/roadmap/{outcome.roadmap_id}").json()["tasks"]
        outcome.faults += _roadmap_faults(request, tasks, set(_lines_of(model)))
    else:
        outcome.problem = body["type"]
        if not outcome.problem.endswith("model-output-unusable"):
            outcome.faults.append(f"the problem is {answer.status_code} {outcome.problem}")
        if _roadmaps(client) != stored_before:
            outcome.faults.append("something is stored in spite of the problem")
    return outcome


def ask_question(client: httpx.Client, roadmap_id: int, question: str) -> list[str]:
    """Ask about a roadmap's first day, and return what is wrong with the answer."""
    body = {
        "user_id": ANA,
        "roadmap_id": roadmap_id,
        "input_data": question,
        "week_number": 1,
        "day_number": 1,
    }
    answer = client.post("/ask-assistant", json=body)
    if not answer.is_success:
        return [f"{question!r} ends in {answer.status_code} {answer.json()['type']}"]
    if not answer.json()["response"].strip():
        return [f"{question!r} has an empty answer"]
    return []


def _roadmap_faults(
    request: PlanRequest, tasks: list[dict[str, Any]], written: set[str]
) -> Iterator[str]:
    yield from roadmap_violations(request, tasks)
    goals = {task["week_number"]: task["weekly_goal"] for task in tasks}
    if len(set(goals.values())) < len(goals):
        yield "two weeks have the same goal"
    for task in tasks:
        if task["task_text"] not in written:
            yield f"the model never wrote {task['task_text']!r}"


def _lines_of(model: RealModel) -> Iterator[str]:
    """Yield every string in what the model wrote, as plans show it."""
    for written in model.written:
        yield from (plain_line(json.loads(found)) for found in _STRING.findall(written))


def _roadmaps(client: httpx.Client) -> object:
    return client.get("/roadmaps", params={"user_id": ANA}).json()
