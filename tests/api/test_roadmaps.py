"""Generating, listing and deleting roadmaps over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support.learners import ANA, BEN, REQUEST

EIGHT_FIELDS = {
    "roadmap_id",
    "user_id",
    "description",
    "level",
    "duration_weeks",
    "daily_hours",
    "is_active",
    "created_at",
}


async def test_generation_answers_with_the_eight_fields(client: httpx.AsyncClient) -> None:
    """The answer is the stored roadmap in the learner's words; a header names the planner."""
    answer = await client.post("/generate_roadmap", json=REQUEST)
    assert answer.status_code == 200
    assert answer.headers["Momentum-Planner"] == "offline"
    roadmap = answer.json()
    assert set(roadmap) == EIGHT_FIELDS
    assert roadmap["description"] == REQUEST["goal"]
    assert roadmap["level"] == "intermediate"
    assert roadmap["duration_weeks"] == 2
    assert roadmap["user_id"] == ANA
    assert roadmap["is_active"] is True
    assert isinstance(roadmap["roadmap_id"], int)
    created = datetime.fromisoformat(roadmap["created_at"])
    assert created.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)


async def test_query_may_name_the_user_as_the_body_does(client: httpx.AsyncClient) -> None:
    """That changes nothing; the body must name the user all the same."""
    answer = await client.post("/generate_roadmap", json=REQUEST, params={"user_id": ANA.upper()})
    assert (answer.status_code, answer.json()["user_id"]) == (200, ANA)
    body = {name: value for name, value in REQUEST.items() if name != "user_id"}
    refused = await client.post("/generate_roadmap", json=body, params={"user_id": ANA})
    assert refused.status_code == 422


async def test_daily_hours_keep_their_form(client: httpx.AsyncClient) -> None:
    for hours, text in ((2, "2"), (0.5, "0.5"), (2.0, "2"), (7.5, "7.5")):
        created = await client.post("/generate_roadmap", json=REQUEST | {"daily_hours": hours})
        assert f'"daily_hours":{text},' in created.text
        listed = await client.get("/roadmaps", params={"user_id": ANA})
        assert listed.text.startswith(f"[{created.text}")


async def test_level_ignores_case(client: httpx.AsyncClient) -> None:
    for level in ("Beginner", "INTERMEDIATE", "advanced"):
        answer = await client.post("/generate_roadmap", json=REQUEST | {"level": level})
        assert answer.json()["level"] == level.lower()


async def test_goal_is_trimmed_and_may_have_2000_characters(client: httpx.AsyncClient) -> None:
    """Blanks around the goal do not count towards its bound."""
    answer = await client.post("/generate_roadmap", json=REQUEST | {"goal": f"  {'é' * 2000}\n"})
    assert answer.json()["description"] == "é" * 2000


async def test_list_is_a_bare_array_newest_first(client: httpx.AsyncClient) -> None:
    """The frontend preselects the first: it must be the newest. An unknown user has none."""
    created = [
        (await client.post("/generate_roadmap", json=REQUEST | {"goal": goal})).json()
        for goal in ("first", "second", "third")
    ]
    answer = await client.get("/roadmaps", params={"user_id": ANA})
    assert answer.json() == created[::-1]
    unknown = await client.get("/roadmaps", params={"user_id": BEN})
    assert (unknown.status_code, unknown.json()) == (200, [])


async def test_deleted_roadmap_is_gone_with_its_tasks(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """Only its owner deletes it: for anybody else it does not exist, and it stays."""
    path = f"/roadmap/{roadmap['roadmap_id']}"
    assert (await client.delete(path)).status_code == 422
    assert (await client.delete(path, params={"user_id": BEN})).status_code == 404
    task = (await client.get(path)).json()["tasks"][0]
    answer = await client.delete(path, params={"user_id": ANA})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{path}/weeks")).status_code == 404
    assert (await client.get("/roadmaps", params={"user_id": ANA})).json() == []
    update = {"task_id": task["id"], "completed": True}
    assert (await client.post("/task/update", json=update)).status_code == 404
    assert (await client.delete(path, params={"user_id": ANA})).status_code == 404
