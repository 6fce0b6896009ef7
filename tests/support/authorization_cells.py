"""The cells of the authorization matrix, and what each is to be answered.

Ana has a roadmap; Ben is anybody else. A cell is one way to use the service on what Ana has, from
one sender, naming one user, none, or two.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import product
from typing import Any, Literal, TypeAlias
from uuid import UUID, uuid4

from tests.support.bad_tokens import DEFECTS
from tests.support.tokens import TokenMint, new_ec_key, new_rsa_key

STREAM = {"Accept": "text/event-stream"}
ASYNC = {"Prefer": "respond-async"}

Headers: TypeAlias = list[tuple[str, str]]
Naming: TypeAlias = Literal["query", "body"]
Learner: TypeAlias = Literal["ana", "ben"]


@dataclass(frozen=True)
class Sender:
    """A request's credentials, and the learner whom they prove; bad ones prove nobody."""

    headers: Headers
    proves: Learner | None = None
    is_bad: bool = False


@dataclass(frozen=True)
class Owned:
    """What one learner has: a roadmap, its task and its generation, and one that still runs."""

    roadmap_id: int
    task_id: str
    generation_id: UUID
    running_id: UUID
    feed_token: str
    """The secret of the roadmap's calendar."""
    canary: str
    """Stands in the roadmap's goal and in its task."""


@dataclass(frozen=True)
class Route:
    """One way to use the service, on what Ana has.

    `naming` is where it names a user; one that `must_name` cannot do without. Where that is the
    body, the query can name one too. To others than Ana it answers with the problem `hidden`, where
    it asks for what is hers alone. `success` is its status for who may, and `shows` says that the
    answer then has the canary.
    """

    name: str
    method: str
    path: str
    body: Callable[[Owned], dict[str, Any]] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    naming: Naming | None = None
    must_name: bool = False
    hidden: str | None = None
    success: int = 200
    shows: bool = False
    writes: bool = False
    is_public: bool = False


REQUEST = {"goal": "Learn Go", "duration_weeks": 1, "daily_hours": 0.5, "level": "beginner"}

NONSENSE = {"user_id": "nobody"}
_PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "prefer"}
_ROADMAP = "/roadmap/{roadmap_id}"
_GENERATION = "/generations/{generation_id}"
_RUNNING = "/generations/{running_id}"
_GENERATING: dict[str, Any] = {
    "body": lambda _: REQUEST,
    "naming": "body",
    "must_name": True,
    "writes": True,
}
_ASKING: dict[str, Any] = {
    "body": lambda owned: {"roadmap_id": owned.roadmap_id, "input_data": "What comes first?"},
    "naming": "body",
    "must_name": True,
    "hidden": "roadmap-not-found",
    "writes": True,
}
_UPDATING: dict[str, Any] = {
    "body": lambda owned: {"task_id": owned.task_id, "completed": True},
    "naming": "body",
    "hidden": "task-not-found",
    "writes": True,
}
_OF_ROADMAP: dict[str, Any] = {"naming": "query", "hidden": "roadmap-not-found"}
_OF_GENERATION: dict[str, Any] = {"naming": "query", "hidden": "generation-not-found"}
_PROGRESS: dict[str, Any] = {"naming": "query", "must_name": True}
_OF_OWNER: dict[str, Any] = _OF_ROADMAP | {"must_name": True}
_DATING: dict[str, Any] = {"naming": "body", "must_name": True, "hidden": "roadmap-not-found"}
_SCHEDULING: dict[str, Any] = _DATING | {"body": lambda _: {"strategy": "shift"}}
_APPLYING: dict[str, Any] = _DATING | {
    "body": lambda _: {"strategy": "shift", "from": "2030-01-01", "dry_run": False},
    "headers": {"If-Match": "*"},
    "writes": True,
}
_MOVING: dict[str, Any] = {
    "body": lambda owned: {
        "task_id": owned.task_id,
        "due_date": (datetime.now(UTC) + timedelta(days=1)).date().isoformat(),
    },
    "naming": "body",
    "must_name": True,
    "hidden": "task-not-found",
    "writes": True,
}
_SUBSCRIBING: dict[str, Any] = _DATING | {"body": lambda _: {}, "writes": True}
_OPEN: dict[str, Any] = {"is_public": True}

ROUTES = (
    Route("health", "GET", "/health", **_OPEN),
    Route("docs", "GET", "/docs", **_OPEN),
    Route("redoc", "GET", "/redoc", **_OPEN),
    Route("description", "GET", "/openapi.json", **_OPEN),
    Route("style of the docs", "GET", "/static-offline-docs/swagger-ui.css", **_OPEN),
    Route("preflight", "OPTIONS", _ROADMAP, headers=_PREFLIGHT, **_OPEN),
    Route("beside the docs", "GET", "/static-offline-docs/%2e%2e/roadmaps", success=404, **_OPEN),
    Route("unknown path", "GET", "/nothing", success=404),
    Route("docs of another case", "GET", "/Docs", success=404),
    Route("health with a slash", "GET", "/health/", success=404),
    Route("unknown method", "PUT", "/roadmaps", success=405),
    Route("options without an origin's question", "OPTIONS", "/roadmaps", success=405),
    Route("generate from nonsense", "POST", "/generate_roadmap", lambda _: NONSENSE, success=422),
    Route("ask nonsense", "POST", "/ask-assistant", lambda _: NONSENSE, success=422),
    Route("update nonsense", "POST", "/task/update", lambda _: NONSENSE, success=422),
    Route("generate from nothing", "POST", "/generate_roadmap", success=415),
    Route("list nobody's", "GET", "/roadmaps", success=422),
    Route("roadmap of no number", "GET", "/roadmap/x", success=422),
    Route("generation of no id", "GET", "/generations/x", success=422),
    Route("generate", "POST", "/generate_roadmap", **_GENERATING),
    Route("generate as stream", "POST", "/generate_roadmap", headers=STREAM, **_GENERATING),
    Route("generate later", "POST", "/generate_roadmap", headers=ASYNC, success=202, **_GENERATING),
    Route("list", "GET", "/roadmaps", naming="query", must_name=True, shows=True),
    Route("tasks", "GET", _ROADMAP, shows=True, **_OF_ROADMAP),
    Route("weeks", "GET", f"{_ROADMAP}/weeks", shows=True, **_OF_ROADMAP),
    Route("week", "GET", f"{_ROADMAP}/week/1", shows=True, **_OF_ROADMAP),
    # Whether a roadmap has a week is its owner's to know.
    Route("missing week", "GET", f"{_ROADMAP}/week/9", success=404, **_OF_ROADMAP),
    Route("delete", "DELETE", _ROADMAP, must_name=True, writes=True, **_OF_ROADMAP),
    Route("update", "POST", "/task/update", **_UPDATING),
    Route("list with progress", "GET", "/roadmaps?include=progress", shows=True, **_PROGRESS),
    Route("dashboard", "GET", "/progress", shows=True, **_PROGRESS),
    Route("year", "GET", "/progress.svg", **_PROGRESS),
    Route("progress", "GET", f"{_ROADMAP}/progress", **_OF_OWNER),
    Route("picture", "GET", f"{_ROADMAP}/progress.svg", shows=True, **_OF_OWNER),
    Route("calendar", "GET", f"{_ROADMAP}/export?format=ics", shows=True, **_OF_OWNER),
    Route("table", "GET", f"{_ROADMAP}/export?format=csv", shows=True, **_OF_OWNER),
    Route("check list", "GET", f"{_ROADMAP}/export?format=md", shows=True, **_OF_OWNER),
    Route("try out a schedule", "POST", f"{_ROADMAP}/schedule", **_SCHEDULING),
    Route("schedule", "POST", f"{_ROADMAP}/schedule", **_APPLYING),
    Route("undo", "POST", f"{_ROADMAP}/schedule/undo", success=409, **_SUBSCRIBING),
    Route("move", "POST", "/task/move", shows=True, **_MOVING),
    Route("subscribe", "POST", f"{_ROADMAP}/calendar-feed", **_SUBSCRIBING),
    Route("revoke", "DELETE", f"{_ROADMAP}/calendar-feed", writes=True, **_OF_OWNER),
    # Its path is all that it needs.
    Route("feed", "GET", "/calendar/{feed_token}.ics", shows=True, **_OPEN),
    Route("feed of no secret", "GET", "/calendar/x.ics", success=404, **_OPEN),
    Route("ask", "POST", "/ask-assistant", **_ASKING),
    Route("ask as stream", "POST", "/ask-assistant", headers=STREAM, **_ASKING),
    Route("generation", "GET", _GENERATION, shows=True, **_OF_GENERATION),
    Route("running generation", "GET", _RUNNING, **_OF_GENERATION),
    Route("events", "GET", f"{_GENERATION}/events", shows=True, headers=STREAM, **_OF_GENERATION),
    Route("cancel", "DELETE", _RUNNING, writes=True, **_OF_GENERATION),
    Route("cancel too late", "DELETE", _GENERATION, success=409, writes=True, **_OF_GENERATION),
)

FEW_ROUTES = {"update", "list", "events", "feed"}
"""A write, a read, a stream, and one that is public."""

BAD = ("empty", "garbage", "alg none", "HS256 with the public key", "HS256 with the public RSA key")
"""Of the tokens that are bad for every project, those that the matrix tries."""

ANA, BEN = uuid4(), uuid4()
"""New in every run, so that the matrix can be run again on the same database."""

USERS: dict[Learner, UUID] = {"ana": ANA, "ben": BEN}

INVALID = HTTPStatus(422).phrase.lower().replace(" ", "-")
"""Python's versions name it differently."""


def senders_of(mint: TokenMint, algorithm: Literal["ES256", "RS256", "HS256"]) -> dict[str, Sender]:
    """Return everybody who may send a request, by name, their tokens signed by this algorithm."""

    def token(user: UUID, by: TokenMint = mint, **changes: int) -> str:
        made: str = getattr(by, algorithm.lower())(user, **changes)
        return made

    # Its keys under the ids of the project's own.
    stranger = TokenMint(
        mint.project_url,
        "not the project's secret, but as long",
        replace(new_ec_key(), id=mint.ec_key.id),
        replace(new_rsa_key(), id=mint.rsa_key.id),
    )
    an_hour_ago = int(time.time()) - 3_600
    ana, ben = _bearer(token(ANA)), _bearer(token(BEN))
    bad = {
        "expired": _bearer(token(ANA, iat=an_hour_ago - 3_600, exp=an_hour_ago)),
        "wrong key": _bearer(token(ANA, stranger)),
        **{name: _bearer(DEFECTS[name](mint, ANA)) for name in BAD},
        "an API key": _bearer(mint.api_key("service_role")),
        "basic": [("Authorization", "Basic YW5hOnNlY3JldA==")],
        "no scheme": [("Authorization", token(ANA))],
        "two headers": ana + ben,
        "the same twice": ana + ana,
        "two in one": [("Authorization", f"{ana[0][1]}, {ben[0][1]}")],
    }
    return {
        "none": Sender([]),
        "owner": Sender(ana, "ana"),
        "other": Sender(ben, "ben"),
        **{name: Sender(headers, is_bad=True) for name, headers in bad.items()},
    }


def _bearer(token: str) -> Headers:
    # Space at a header's end is no part of it, and h11 sends none.
    return [("Authorization", f"Bearer {token}".strip())]


@dataclass(frozen=True)
class Cell:
    route: Route
    sender_name: str
    sender: Sender
    in_query: Learner | None
    in_body: Learner | None
    """Whom it names there."""

    def __str__(self) -> str:
        places = (("query", self.in_query), ("body", self.in_body))
        named = "".join(f", {user} in its {place}" for place, user in places if user)
        return f"{self.route.name} from {self.sender_name}{named}"

    @property
    def users(self) -> set[Learner]:
        """The learners for whom it would act; a request for more than one acts for nobody."""
        return {user for user in (self.sender.proves, self.in_query, self.in_body) if user}


@dataclass(frozen=True)
class Expected:
    """What a cell is to be answered: a status, and where that is a refusal, which.

    `shows` says whether Ana's data is in the answer; None where it may be.
    """

    status: int
    problem: str | None = None
    challenge: str | None = None
    shows: bool | None = False


def expected(cell: Cell, *, token_required: bool) -> Expected:
    route, sender = cell.route, cell.sender
    if route.is_public:
        return Expected(route.success, shows=route.shows)
    if sender.is_bad:
        return Expected(401, "unauthenticated", 'Bearer error="invalid_token"')
    if token_required and sender.proves is None:
        return Expected(401, "unauthenticated", "Bearer")
    if len(cell.users) > 1:
        return Expected(403, "another-user") if sender.proves else Expected(422, INVALID)
    if cell.users == {"ben"}:
        return Expected(404, route.hidden) if route.hidden else Expected(route.success)
    return Expected(route.success, shows=route.shows or None)


def all_cells(senders: dict[str, Sender]) -> Iterator[Cell]:
    """Yield every route from every sender with every user, or two, that it may name."""
    for route, (name, sender) in product(ROUTES, senders.items()):
        for in_query, in_body in _namings(route):
            yield Cell(route, name, sender, in_query, in_body)


def pairwise_cells(senders: dict[str, Sender]) -> Iterator[Cell]:
    """Yield every route from everybody, but with a bad token of one kind; and every kind on a few.

    Bad tokens are refused before the route is known, so a product of both repeats itself.
    """
    bad = [name for name, sender in senders.items() if sender.is_bad]
    for cell in all_cells(senders):
        if cell.sender_name not in bad[1:] or cell.route.name in FEW_ROUTES:
            yield cell


def _namings(route: Route) -> Iterator[tuple[Learner | None, Learner | None]]:
    anybody: tuple[Learner | None, ...] = ("ana", "ben", None)
    for in_query in anybody if route.naming else (None,):
        for in_body in anybody if route.naming == "body" else (None,):
            is_named = in_body if route.naming == "body" else in_query
            if (is_named or not route.must_name) and (in_query is None or in_query != in_body):
                yield in_query, in_body
