"""The bodies of requests and responses."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from src.domain.generation import GenerationState
from src.domain.plan import ModelUsage, PlanRequest
from src.domain.roadmap import SavedRoadmap, Task
from src.domain.vocabulary import DayNumber, Question, RoadmapId, UtcTime, Value, WeekCount
from src.routers.dates import TimeZone
from src.web.problems import Problem


class GenerateRoadmap(PlanRequest):
    """The body of `POST /generate_roadmap`."""

    user_id: UUID

    def plan_request(self) -> PlanRequest:
        """Return what the planner gets: everything but the user. It is already validated."""
        return PlanRequest.model_construct(
            **{name: getattr(self, name) for name in PlanRequest.model_fields}
        )


class GenerationStatus(Value):
    """The state of a generation. Once it has finished, either `roadmap` or `problem` is set.

    While it waits for the model's provider, it continues by itself at `resume_at`.
    """

    generation_id: UUID
    state: GenerationState
    weeks_done: int
    weeks_total: int
    started_at: UtcTime
    finished_at: UtcTime | None
    resume_at: UtcTime | None
    roadmap: "SavedRoadmap | None"
    problem: "Problem | None"
    usage: ModelUsage


class TaskUpdate(Value):
    """The body of `POST /task/update`. With `user_id`, only a task of that user is updated.

    With `tz`, the completion counts for the day in that zone, wherever the learner reads it.
    """

    task_id: Annotated[str, Field(min_length=1, max_length=64)]
    completed: StrictBool
    user_id: UUID | None = None
    tz: TimeZone | None = None


class AskAssistant(Value):
    """The body of `POST /ask-assistant`. A day without a week means that day of every week."""

    user_id: UUID
    roadmap_id: RoadmapId
    input_data: Question
    week_number: WeekCount | None = None
    day_number: DayNumber | None = None


class RoadmapTasks(Value):
    """All tasks of a roadmap, ordered by week, day and position in the day."""

    tasks: list[Task]


class Success(Value):
    """The response to a change that succeeded."""

    success: Literal[True] = True


class Health(Value):
    """The response of a process that is alive."""

    status: Literal["ok"] = "ok"


class Ready(Value):
    """Whether requests can be served, and what plans: `openrouter` or `offline`."""

    status: Literal["ready", "not ready"]
    database: Literal["ok", "unavailable"]
    schema_: Literal["ok", "outdated", "unknown"] = Field(alias="schema")
    planner: str
