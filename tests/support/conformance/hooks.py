"""What Schemathesis cannot know from the description alone."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeAlias

import schemathesis
from schemathesis import Case, GenerationMode, HookContext, Response

from src.domain.vocabulary import MAX_ID
from tests.support.conformance import CALLER

AnyCase: TypeAlias = Case[Any]

STREAMED = {"/generate_roadmap", "/ask-assistant"}
"""Where a client chooses by `Accept` whether the answer is an event stream."""


ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns")
DAYS_OFF = ["sunday", "Saturday", "2026-12-24", "2026-12-24/2027-01-02"]

_generations: list[str] = []
"""Ids from `Location` headers: no answer's body leads to the operations on a generation."""


@schemathesis.hook
def after_call(_context: HookContext, _case: AnyCase, response: Response) -> None:
    locations = response.headers.get("location", ())
    _generations.extend(location.rpartition("/")[2] for location in locations)


@schemathesis.hook
def before_call(_context: HookContext, case: AnyCase, _kwargs: dict[str, Any]) -> None:
    """Complete what is meant to be valid; what is wrong on purpose goes out as it is."""
    if not _is_valid(case):
        return
    body = case.body if isinstance(case.body, dict) else {}
    parameters = [body, case.path_parameters, case.query]
    digest = sha256(json.dumps(parameters, sort_keys=True, default=str).encode()).hexdigest()
    # A token speaks for its user alone: any other in a request is 403, and nothing comes after.
    caller = os.environ.get(CALLER)
    for values in (case.query, body):
        if caller and values.get("user_id"):
            values["user_id"] = caller
        _choose_what_exists(values, digest)
    if int(digest[1], 16) % 2:
        _ask_for_an_existing_generation(case)
    # Where both name a user, it has to be the same one.
    case.query.update({name: body[name] for name in case.query.keys() & body.keys() & {"user_id"}})
    # It takes these for marks, as which Unicode has reserved them: nothing can be seen of them yet.
    for name in ("goal", "input_data"):
        if isinstance(text := body.get(name), str):
            body[name] = re.sub("[\u20f1-\u20ff]", "\u20f0", text)
    # It reads the bound as a float, in which 2^63 - 1 and the next number are the same.
    roadmap_id = body.get("roadmap_id")
    if isinstance(roadmap_id, int | float) and roadmap_id > MAX_ID:
        body["roadmap_id"] = MAX_ID
    _adapt_headers(case, body, digest)


def _adapt_headers(case: AnyCase, body: dict[str, Any], digest: str) -> None:
    # A key that belongs to another request is refused, although both requests are valid.
    if key := case.headers.get("idempotency-key"):
        case.headers["idempotency-key"] = f"{digest[:16]}-{key}"[:255].strip()
    # Dates change only for a client that has seen them.
    if body.get("dry_run") is False:
        case.headers["if-match"] = "*"
    if case.path in STREAMED and int(digest[0], 16) % 4 == 0:
        case.headers["Accept"] = "text/event-stream"


def _choose_what_exists(values: dict[str, Any], digest: str) -> None:
    """Put time zones, near dates and days off into the place of any text, any date, any days."""
    if values.get("tz") is not None:
        values["tz"] = ZONES[int(digest[2], 16) % len(ZONES)]
    today = datetime.now(UTC).date()
    for name in ("start", "from", "end", "due_date"):
        if values.get(name) is not None:
            values[name] = f"{today + timedelta(days=int(digest[3:5], 16))}"
    if values.get("days_off"):
        values["days_off"] = DAYS_OFF[: int(digest[5], 16) % (len(DAYS_OFF) + 1)]


def _ask_for_an_existing_generation(case: AnyCase) -> None:
    if _generations and "generation_id" in case.path_parameters:
        case.path_parameters["generation_id"] = _generations[-1]
        case.query.pop("user_id", None)


def _is_valid(case: AnyCase) -> bool:
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE
