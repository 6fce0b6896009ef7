"""Where an answer leads to, for the API description: which of its values another operation takes.

People see in the docs what to call next, and programs that explore the API follow these links.
"""

from typing import Any

from src.routers import examples

OF_ROADMAP = {"roadmap_id": "$response.body#/roadmap_id", "user_id": "$response.body#/user_id"}
OF_FIRST_ROADMAP = {
    "roadmap_id": "$response.body#/0/roadmap_id",
    "user_id": "$response.body#/0/user_id",
}
OF_MADE_ROADMAP = {
    "roadmap_id": "$response.body#/roadmap/roadmap_id",
    "user_id": "$response.body#/roadmap/user_id",
}
OF_SAME_ROADMAP = {"roadmap_id": "$request.path.roadmap_id"}
OF_GENERATION = {"generation_id": "$response.body#/generation_id"}
OF_FIRST_TASK = {"task_id": "$response.body#/tasks/0/id", "completed": True}


def leading_to(
    operation: str, parameters: dict[str, Any] | None = None, body: object = None
) -> dict[str, dict[str, Any]]:
    """Return a link to an operation that takes these parameters or this body, under its name."""
    link: dict[str, Any] = {"operationId": operation}
    if parameters is not None:
        link["parameters"] = parameters
    if body is not None:
        link["requestBody"] = body
    return {operation: link}


def _to_roadmap(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return links to everything that one can do with a roadmap."""
    question = values | {"input_data": examples.ASK_ASSISTANT["input_data"]}
    return (
        leading_to("get_roadmap_tasks", values)
        | leading_to("list_weeks", values)
        | leading_to("get_week", values | {"week_number": 1})
        | leading_to("ask_assistant", body=question)
        | leading_to("delete_roadmap", values)
    )


ROADMAP_MADE = _to_roadmap(OF_ROADMAP) | leading_to(
    "list_roadmaps", {"user_id": OF_ROADMAP["user_id"]}
)
ROADMAPS_LISTED = _to_roadmap(OF_FIRST_ROADMAP) | leading_to(
    "generate_roadmap", body=examples.GENERATE_ROADMAP | {"user_id": "$request.query.user_id"}
)
TASKS_READ = leading_to("update_task", body=OF_FIRST_TASK)
WEEKS_READ = leading_to(
    "get_week", OF_SAME_ROADMAP | {"week_number": "$response.body#/0/week_number"}
)
GENERATION_ACCEPTED = (
    leading_to("get_generation", OF_GENERATION)
    | leading_to("follow_generation", OF_GENERATION)
    | leading_to("cancel_generation", OF_GENERATION)
)
GENERATION_READ = GENERATION_ACCEPTED | leading_to("get_roadmap_tasks", OF_MADE_ROADMAP)
