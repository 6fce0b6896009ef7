from types import SimpleNamespace

import pytest

from src.web import problem_texts


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (413, "request-entity-too-large"),
        (414, "request-uri-too-long"),
        (416, "requested-range-not-satisfiable"),
        (422, "unprocessable-entity"),
    ],
)
def test_type_is_the_same_under_every_python(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    """Python 3.13 has other phrases for these; clients compare the `type` of a problem."""
    later = {413: "Content", 414: "URI", 416: "Range", 422: "Unprocessable Content"}
    monkeypatch.setattr(
        problem_texts, "HTTPStatus", lambda number: SimpleNamespace(phrase=later[number])
    )
    assert problem_texts.http_text(status).code == code
