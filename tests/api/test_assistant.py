"""Questions over HTTP, answered by the offline assistant."""

from typing import Any

import httpx

from tests.support.learners import ANA, BEN


def question(roadmap: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {
        "user_id": ANA,
        "roadmap_id": roadmap["roadmap_id"],
        "input_data": "What comes next?",
    } | changes


async def test_week_and_day_narrow_independently(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """Each may be absent, null or a number, whatever the other is."""
    weeks: tuple[dict[str, Any], ...] = ({}, {"week_number": None}, {"week_number": 2})
    days: tuple[dict[str, Any], ...] = ({}, {"day_number": None}, {"day_number": 7})
    for scope in (week | day for week in weeks for day in days):
        answer = await client.post("/ask-assistant", json=question(roadmap, **scope))
        assert answer.status_code == 200, scope
        assert set(answer.json()) == {"response", "sources"}
        assert answer.json()["sources"] == []
        assert answer.json()["response"]


async def test_assistant_answers_from_the_roadmap(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """What comes next is the first open task, in its own words."""
    tasks = (await client.get(f"/roadmap/{roadmap['roadmap_id']}")).json()["tasks"]
    answer = await client.post("/ask-assistant", json=question(roadmap, week_number=1))
    assert tasks[0]["task_text"][:60] in answer.json()["response"]


async def test_query_may_name_the_user_as_the_body_does(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    answers = [
        await client.post("/ask-assistant", json=question(roadmap), params=params)
        for params in ({}, {"user_id": ANA})
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


async def test_what_cannot_be_asked(client: httpx.AsyncClient, roadmap: dict[str, Any]) -> None:
    """Foreign and unknown roadmaps are 404, values out of range 422."""
    refused: list[tuple[dict[str, Any], int]] = [
        ({"user_id": BEN}, 404),
        ({"roadmap_id": 987654321}, 404),
        ({"week_number": 3}, 404),
        ({"week_number": 53}, 422),
        ({"week_number": 0}, 422),
        ({"day_number": 8}, 422),
        ({"week_number": "2"}, 422),
        ({"input_data": " \n\t"}, 422),
        ({"input_data": "x" * 4001}, 422),
    ]
    for changes, status in refused:
        answer = await client.post("/ask-assistant", json=question(roadmap, **changes))
        assert answer.status_code == status, changes
        assert answer.headers["content-type"] == "application/problem+json"
