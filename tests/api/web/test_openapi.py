"""The API's description, from which clients are generated and which people try out."""

from typing import Any

import httpx
import pytest

OPERATIONS = {
    "health": "get /health",
    "ready": "get /health/ready",
    "generate_roadmap": "post /generate_roadmap",
    "list_roadmaps": "get /roadmaps",
    "get_generation": "get /generations/{generation_id}",
    "follow_generation": "get /generations/{generation_id}/events",
    "cancel_generation": "delete /generations/{generation_id}",
    "get_roadmap_tasks": "get /roadmap/{roadmap_id}",
    "delete_roadmap": "delete /roadmap/{roadmap_id}",
    "list_weeks": "get /roadmap/{roadmap_id}/weeks",
    "get_week": "get /roadmap/{roadmap_id}/week/{week_number}",
    "update_task": "post /task/update",
    "ask_assistant": "post /ask-assistant",
    "get_dashboard": "get /progress",
    "get_progress": "get /roadmap/{roadmap_id}/progress",
    "draw_progress": "get /roadmap/{roadmap_id}/progress.svg",
    "draw_year": "get /progress.svg",
    "schedule_roadmap": "post /roadmap/{roadmap_id}/schedule",
    "undo_schedule": "post /roadmap/{roadmap_id}/schedule/undo",
    "move_task": "post /task/move",
    "export_roadmap": "get /roadmap/{roadmap_id}/export",
    "create_calendar_feed": "post /roadmap/{roadmap_id}/calendar-feed",
    "revoke_calendar_feed": "delete /roadmap/{roadmap_id}/calendar-feed",
    "read_calendar": "get /calendar/{token}.ics",
}

OF_NO_RESOURCE = {
    "health",
    "ready",
    "generate_roadmap",
    "list_roadmaps",
    "get_dashboard",
    "draw_year",
}
"""What cannot be missing: a list that is empty is still a list."""

USER_REQUIRED = {
    *("list_roadmaps", "delete_roadmap", "get_dashboard", "get_progress", "draw_progress"),
    *("draw_year", "export_roadmap", "revoke_calendar_feed"),
}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def operations(document: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        operation["operationId"]: (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


async def test_operation_ids_are_stable(document: dict[str, Any]) -> None:
    """Generated clients name their methods by them: a change here breaks such clients."""
    found = {name: place for name, (place, _) in operations(document).items()}
    assert found == OPERATIONS


@pytest.mark.long(1)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_operation_is_described_whole(document: dict[str, Any], name: str) -> None:
    """Each has a summary, examples of what goes in and out, and its errors with examples."""
    _, operation = operations(document)[name]
    assert operation["summary"]
    assert operation["description"]
    content = operation["responses"]["200"]["content"]
    assert content
    assert all("example" in answer for answer in content.values())
    if "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["examples"]
    for parameter in operation.get("parameters", []):
        assert "examples" in parameter or not parameter["required"]
    problems = {
        status: response
        for status, response in operation["responses"].items()
        # Readiness says what is not ready in the shape in which it says what is.
        if not status.startswith("2") and status != "304" and (name, status) != ("ready", "503")
    }
    assert "500" in problems
    assert ("404" in problems) is (name not in OF_NO_RESOURCE)
    for status, response in problems.items():
        content = response["content"]["application/problem+json"]
        model = "AssistantProblem" if name == "ask_assistant" else "Problem"
        assert content["schema"] == {"$ref": f"#/components/schemas/{model}"}
        for example in content["examples"].values():
            said = example["value"].get("response")
            assert said == (example["value"]["detail"] if name == "ask_assistant" else None)
            assert example["value"]["status"] == int(status)
            assert example["value"]["detail"]


async def test_every_operation_takes_the_user_in_the_query(document: dict[str, Any]) -> None:
    """By one name; it is required only where nothing else names the owner."""
    for name in OPERATIONS.keys() - {"health", "ready", "read_calendar"}:
        parameters = operations(document)[name][1]["parameters"]
        (user,) = (each for each in parameters if "user" in each["name"])
        assert (user["in"], user["name"]) == ("query", "user_id"), name
        assert user["required"] is (name in USER_REQUIRED), name
        assert user["description"], name


async def test_every_reference_resolves(document: dict[str, Any]) -> None:
    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert {"Problem", "FieldError", "Roadmap"} <= names <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_examples_can_be_executed(
    client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    """Generate with the example as it stands, and the other examples work on the result."""
    described = operations(document)

    def body(name: str) -> dict[str, Any]:
        examples = described[name][1]["requestBody"]["content"]["application/json"]["examples"]
        value: dict[str, Any] = next(iter(examples.values()))["value"]
        return value

    def example(name: str) -> dict[str, Any]:
        content = described[name][1]["responses"]["200"]["content"]["application/json"]
        value: dict[str, Any] = content["example"]
        return value

    request = body("generate_roadmap")
    roadmap = (await client.post("/generate_roadmap", json=request)).json()
    assert roadmap.keys() == example("generate_roadmap").keys()
    user = {"user_id": request["user_id"]}
    assert (await client.get("/roadmaps", params=user)).json() == [roadmap]
    tasks = (await client.get("/roadmap/1")).json()
    assert tasks["tasks"][0].keys() == example("get_roadmap_tasks")["tasks"][0].keys()
    week = (await client.get("/roadmap/1/week/1")).json()
    assert week.keys() == example("get_week").keys()
    answer = await client.post("/ask-assistant", json=body("ask_assistant"))
    assert answer.status_code == 200
    progress = (await client.get("/roadmap/1/progress", params=user)).json()
    assert progress.keys() == example("get_progress").keys()
    page = (await client.get("/progress", params=user)).json()
    assert page.keys() == example("get_dashboard").keys()
    assert page["roadmaps"][0].keys() == example("get_dashboard")["roadmaps"][0].keys()
    schedule = await client.post("/roadmap/1/schedule", json=body("schedule_roadmap"))
    assert schedule.json().keys() == example("schedule_roadmap").keys()
    feed = await client.post("/roadmap/1/calendar-feed", json=body("create_calendar_feed"))
    assert feed.json().keys() == example("create_calendar_feed").keys()
    deleted = await client.delete("/roadmap/1", params=user)
    assert deleted.json() == example("delete_roadmap")


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_pages_name_no_other_host(client: httpx.AsyncClient, page: str) -> None:
    """Everything that the page loads comes from this service."""
    html = (await client.get(page)).text
    assert "http://" not in html
    assert "https://" not in html
