"""Bodies that are expensive to parse are refused before they are parsed."""

import json
from http import HTTPStatus

import pytest
from fastapi import HTTPException
from starlette.types import Message

from src.domain.vocabulary import MAX_QUESTION_LENGTH
from src.web.json_bodies import MAX_STRINGS, _StrictJSONRequest


async def parse(body: bytes) -> object:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await _StrictJSONRequest({"type": "http", "headers": []}, receive).json()


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(dict.fromkeys(map(str, range(MAX_STRINGS + 1)), 1)).encode(),
        b"{" + b'"a":1,' * 10_000 + b'"a":1}',
    ],
    ids=["names", "one name"],
)
async def test_more_names_than_any_request_are_not_parsed(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError, match="more names than any request"):
        await parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"{}," * 10_000 + b"{}]}",
        b"[" * 60_000,
        b'{"a":[' + b"[]," * 10_000 + b"[]]}",
    ],
    ids=["objects", "depth", "lists"],
)
async def test_more_brackets_than_any_request_are_not_parsed(body: bytes) -> None:
    with pytest.raises(HTTPException) as raised:
        await parse(body)
    assert raised.value.status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("character", ['"', "\\", "{", "[", '\\"', "'", "\n"])
async def test_longest_text_may_consist_of_any_character(character: str) -> None:
    sent = {"goal": character * (MAX_QUESTION_LENGTH // len(character)), "weeks": [1, 2]}
    assert await parse(json.dumps(sent).encode()) == sent
