"""The committed OpenAPI document, and how breaking changes are found."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.openapi_document import breaking_changes, committed_document, current_document


def test_document_breaks_no_client() -> None:
    """What is committed is what clients were made from."""
    assert list(breaking_changes(committed_document(), current_document())) == []


def test_document_is_up_to_date() -> None:
    """`make openapi` writes it."""
    assert current_document() == committed_document()


def _schema(document: Any, name: str) -> Any:  # noqa: ANN401  JSON
    return document["components"]["schemas"][name]


BREAKING: dict[str, tuple[Callable[[Any], object], str]] = {
    "operation gone": (
        lambda new: new["paths"]["/roadmaps"].pop("get"),
        "GET /roadmaps is gone",
    ),
    "member gone": (
        lambda new: _schema(new, "ListedRoadmap")["properties"].pop("level"),
        "GET /roadmaps: level is gone from the answer 200",
    ),
    "other type": (
        lambda new: _schema(new, "WeekProgress")["properties"]["week_number"].update(type="string"),
        "GET /roadmap/{roadmap_id}/weeks: in the answer 200, week_number has another type",
    ),
    "required in the body": (
        lambda new: _schema(new, "TaskUpdate")["required"].append("user_id"),
        "POST /task/update: user_id is required in the body now",
    ),
    "required parameter": (
        lambda new: new["paths"]["/roadmap/{roadmap_id}"]["get"]["parameters"][1].update(
            required=True
        ),
        "GET /roadmap/{roadmap_id}: the parameter user_id is required now",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_breaking_change_is_named(name: str) -> None:
    change, sentence = BREAKING[name]
    old = committed_document()
    new = copy.deepcopy(old)
    change(new)
    assert sentence in list(breaking_changes(old, new))


def test_additions_break_nothing() -> None:
    old = committed_document()
    new = copy.deepcopy(old)
    _schema(new, "Roadmap")["properties"]["colour"] = {"type": "string"}
    _schema(new, "TaskUpdate")["properties"]["note"] = {"type": "string"}
    new["paths"]["/new"] = {"get": {"responses": {}}}
    assert list(breaking_changes(old, new)) == []
