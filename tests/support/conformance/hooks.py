"""What Schemathesis cannot know from the description alone."""

import json
import os
import re
from hashlib import sha256
from typing import Any, TypeAlias

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

from src.domain.vocabulary import MAX_ID

AnyCase: TypeAlias = Case[Any]

CALLER = "CONFORMANCE_CALLER"
"""The variable that names the user whose token all requests carry, if they carry one."""

STREAMED = {"/generate_roadmap", "/ask-assistant"}
"""Where a client chooses by `Accept` whether the answer is told as an event stream."""


@schemathesis.hook
def before_call(_context: HookContext, case: AnyCase, _kwargs: dict[str, Any]) -> None:
    """Complete what is meant to be valid; what is wrong on purpose goes out as it is."""
    if not _is_valid(case):
        return
    body = case.body if isinstance(case.body, dict) else {}
    digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    # A token speaks for its user alone: any other in a request is 403, and nothing comes after.
    caller = os.environ.get(CALLER)
    for values in (case.query, body):
        if caller and values.get("user_id"):
            values["user_id"] = caller
    # Where both name a user, it has to be the same one.
    if case.query.get("user_id") and body.get("user_id"):
        case.query["user_id"] = body["user_id"]
    # It takes these for marks, as which Unicode has reserved them: nothing can be seen of them yet.
    for name in ("goal", "input_data"):
        if isinstance(text := body.get(name), str):
            body[name] = re.sub("[\u20f1-\u20ff]", "\u20f0", text)
    # It reads the bound as a float, which cannot tell 2^63 - 1 from what follows it.
    roadmap_id = body.get("roadmap_id")
    if isinstance(roadmap_id, int | float) and roadmap_id > MAX_ID:
        body["roadmap_id"] = MAX_ID
    # A key that has stood for another wish is refused, however valid each of the two requests is.
    if key := case.headers.get("idempotency-key"):
        case.headers["idempotency-key"] = f"{digest[:16]}-{key}"[:255].strip()
    if case.path in STREAMED and int(digest[0], 16) % 4 == 0:
        case.headers["Accept"] = "text/event-stream"


def _is_valid(case: AnyCase) -> bool:
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE
