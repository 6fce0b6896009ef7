"""Who may do what to which rows of a Supabase project, measured through its real PostgREST.

Each cell of the matrix is one command. What counts is what it did: whether the row was in the
answer, or whether any row of the database is another one afterwards; never its status.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import psycopg

from tests.support.data_plane import Database, DataPlane

RIGHTS = """
rows         relation           anon  nameless  other  owner  service

published    roadmaps           ----  ----      ----   S--D   SIUD
published    roadmap_tasks      ----  ----      ----   S-U-   SIUD
published    roadmap_weeks      ----  ----      ----   S---   S---
published    tasks_in_order     ----  ----      ----   ----   S---
published    roadmap_schedules  ----  ----      ----   ----   SIUD
published    calendar_feeds     ----  ----      ----   ----   SIUD
published    goals              ----  ----      ----   SIUD   SIUD
published    tasks              ----  ----      ----   SIUD   SIUD
published    time_entries       ----  ----      ----   SIUD   SIUD
published    rules              ----  ----      ----   SIUD   SIUD
published    generations        ----  ----      ----   S---   SIUD
published    generation_events  ----  ----      ----   S---   SIUD
published    questions          ----  ----      ----   ----   SIUD
published    ledger             ----  ----      ----   ----   S---

unpublished  roadmaps           ----  ----      ----   ----   SIUD
unpublished  roadmap_tasks      ----  ----      ----   ----   SIUD
unpublished  roadmap_weeks      ----  ----      ----   ----   ----
unpublished  tasks_in_order     ----  ----      ----   ----   ----
unpublished  roadmap_schedules  ----  ----      ----   ----   SIUD
unpublished  calendar_feeds     ----  ----      ----   ----   SIUD
unpublished  goals              ----  ----      ----   ----   SIUD
unpublished  tasks              ----  ----      ----   ----   SIUD
unpublished  time_entries       ----  ----      ----   ----   SIUD
unpublished  rules              ----  ----      ----   ----   SIUD
unpublished  generations        ----  ----      ----   S---   SIUD
unpublished  generation_events  ----  ----      ----   S---   SIUD

nobody's     goals              ----  ----      ----   ----   SIUD
nobody's     tasks              ----  ----      ----   ----   SIUD
nobody's     time_entries       ----  ----      ----   ----   SIUD
nobody's     rules              ----  ----      ----   ----   SIUD
nobody's     activity_logs      ----  ----      ----   ----   SIUD
"""
"""S, I, U, D: select, insert, update, delete. The rows are the owner's, the inserted one included.

`nameless` is a token without a subject. The last column shows that each request is a sound one,
which fails for want of a right alone.
"""

OWNER = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")

PUBLISHED, SECOND, UNPUBLISHED, OTHERS, NOBODYS = range(1001, 1006)
"""The number of a roadmap and of everything that hangs on it; far from what identities count."""


def uuid_of(number: int) -> str:
    """Return the id of the row of that number, where ids are UUIDs."""
    return str(UUID(int=number))


@dataclass(frozen=True)
class Relation:
    """How to name a row, hang a new one on the same parent, and change what is most free."""

    name: str
    key: str
    parent: str | None
    """The column that says whose a row is, or None where nothing does."""
    change: dict[str, Any]
    new: dict[str, Any] = field(default_factory=dict)
    """What a new row has besides its parent."""

    def key_of(self, number: int) -> Any:  # noqa: ANN401  a number or a UUID
        if self.key == "user_id":
            return str(OWNER)
        return uuid_of(number) if self.key in UUIDS else number

    def new_row(self, number: int) -> dict[str, Any]:
        """Return a row as the owner would add it beside the one of that number."""
        parents = {"user_id": str(OWNER), "generation_id": uuid_of(number)}
        orphan = None if number == NOBODYS else number
        row = dict(self.new)
        if self.parent:
            row[self.parent] = parents.get(self.parent, orphan)
        if self.key == self.parent == "roadmap_id":  # a roadmap has one such row
            row[self.parent] = SECOND
        if self.name == "roadmaps" and number == UNPUBLISHED:
            row["published_at"] = None
        return row


VIEWS = {"roadmap_weeks", "tasks_in_order", "ledger"}
UUIDS = {"id", "generation_id", "question_id"}
_PLAN = {"description": "n", "duration_weeks": 1, "daily_hours": 1, "level": "beginner"}
_TASK = {"week_number": 1, "day_number": 2, "task_text": "Do more"}
_LEASE = {"lease_id": uuid_of(1), "lease_until": "2030-01-01Z"}
_ENTRY = {"client": "192.0.2.1", "reserved_dollars": 1}
_EVENT = {"number": 9, "kind": "week", "part": {}}
_FEED = {"token_hash": "new", "time_zone": "UTC", "rollover": 0}
_QUESTION = {"question_id": uuid_of(1), **_ENTRY}
_REQUEST = {"generation_id": uuid_of(1), "fingerprint": "new", "weeks_total": 1, **_LEASE, **_ENTRY}

RELATIONS = {
    relation.name: relation
    for relation in (
        Relation("roadmaps", "roadmap_id", "user_id", {"description": "x"}, _PLAN),
        Relation("roadmap_tasks", "id", "roadmap_id", {"completed": True}, _TASK),
        Relation("roadmap_weeks", "roadmap_id", "roadmap_id", {"weekly_goal": "x"}),
        Relation("tasks_in_order", "id", "roadmap_id", {"weekly_goal": "x"}),
        Relation("roadmap_schedules", "roadmap_id", "roadmap_id", {"version": 7}),
        Relation("calendar_feeds", "roadmap_id", "roadmap_id", {"rollover": 7}, _FEED),
        Relation("goals", "goal_id", "roadmap_id", {"current_value": 7}, {"description": "New"}),
        Relation("tasks", "task_id", "goal_id", {"status": "done"}, {"description": "New"}),
        Relation("time_entries", "time_id", "task_id", {"duration_minutes": 7}),
        Relation("rules", "rule_id", "goal_id", {"category": "x"}, {"keyword": "new"}),
        Relation("activity_logs", "activity_id", None, {"app_name": "x"}, {"app_name": "New"}),
        Relation("generations", "generation_id", "user_id", {"weeks_done": 7}, _REQUEST),
        Relation("generation_events", "generation_id", "generation_id", {"kind": "x"}, _EVENT),
        Relation("questions", "question_id", "user_id", {"calls": 7}, _QUESTION),
        Relation("ledger", "user_id", "user_id", {"dollars": 7}),
    )
}

SEED = f"""
insert into roadmaps (
    roadmap_id, user_id, description, duration_weeks, daily_hours, level, published_at
) overriding system value values
    ({PUBLISHED}, '{OWNER}', 'Learn', 1, 1, 'beginner', now()),
    ({SECOND}, '{OWNER}', 'Learn', 1, 1, 'beginner', now()),
    ({UNPUBLISHED}, '{OWNER}', 'Learn', 1, 1, 'beginner', null),
    ({OTHERS}, '{OTHER}', 'Learn', 1, 1, 'beginner', now());
insert into roadmap_tasks (id, roadmap_id, week_number, weekly_goal, day_number, task_text)
    select lpad(to_hex(roadmap_id), 32, '0')::uuid, roadmap_id, 1, 'Goal', 1, 'Do' from roadmaps;
insert into roadmap_schedules (roadmap_id, start_date)
    select roadmap_id, '2026-01-01' from roadmaps where roadmap_id <> {SECOND};
insert into calendar_feeds (roadmap_id, token_hash, time_zone, rollover)
    select roadmap_id, 'hash ' || roadmap_id, 'UTC', 0 from roadmaps
    where roadmap_id <> {SECOND};
insert into goals (goal_id, roadmap_id, description) overriding system value
    select n, nullif(n, {NOBODYS}), 'Run' from generate_series({PUBLISHED}, {NOBODYS}) as n;
insert into tasks (task_id, goal_id, description) overriding system value
    select goal_id, nullif(goal_id, {NOBODYS}), 'Run slowly' from goals;
insert into time_entries (time_id, task_id, duration_minutes) overriding system value
    select task_id, nullif(task_id, {NOBODYS}), 25 from tasks;
insert into rules (rule_id, keyword, goal_id) overriding system value
    select goal_id, 'word ' || goal_id, nullif(goal_id, {NOBODYS}) from goals;
insert into activity_logs (activity_id, app_name) overriding system value
    values ({NOBODYS}, 'Editor');
insert into generations (
    generation_id, user_id, client, reserved_dollars, fingerprint, weeks_total, roadmap_id,
    finished_at, lease_id, lease_until
)
    select lpad(to_hex(roadmap_id), 32, '0')::uuid, user_id, '192.0.2.1', 1, 'goal ' || roadmap_id,
        1, case when published_at is not null then roadmap_id end, published_at,
        lpad(to_hex(roadmap_id), 32, '0')::uuid, now()
    from roadmaps;
insert into generation_events (generation_id, number, kind, part)
    select generation_id, 1, 'outline', '{{}}' from generations;
insert into questions (question_id, user_id, client, reserved_dollars)
    select generation_id, user_id, client, 1 from generations
    where finished_at is not null;
"""  # noqa: S608  our own ids


SNAPSHOT = " union all ".join(
    f"select '{name}', to_jsonb(t)::text from {name} as t"  # noqa: S608  our own names
    for name in RELATIONS
    if name not in VIEWS
)


@dataclass(frozen=True)
class SecuredRows:
    """The rows of `SEED` in a project, looked at from behind all policies."""

    database: Database
    connection: psycopg.Connection
    _seeded: list[tuple[str, str]] = field(default_factory=list)

    def seed(self) -> None:
        """Leave these rows and no other."""
        self.database.empty()
        self.connection.execute(SEED.encode())
        self._seeded[:] = self.now()

    def now(self) -> list[tuple[str, str]]:
        """Return every row of every table as (table, JSON), in a stable order."""
        return sorted(self.connection.execute(SNAPSHOT.encode()).fetchall())

    def changed(self) -> bool:
        """Tell whether any row is not as it was seeded; if so, seed again."""
        changed = self.now() != self._seeded
        if changed:
            self.seed()
        return changed


@contextmanager
def secured_rows(database: Database) -> Iterator[SecuredRows]:
    """Offer the rows in a project that has the product's schema; what it held is lost."""
    with psycopg.connect(database.uri(), autocommit=True) as connection:
        rows = SecuredRows(database, connection)
        rows.seed()
        yield rows


_NUMBERS = {"published": PUBLISHED, "unpublished": UNPUBLISHED, "nobody's": NOBODYS}


@dataclass(frozen=True)
class Matrix:
    """How many cells were measured, and a line for every caller who has not what `RIGHTS` says."""

    cells: int
    wrong: list[str]


def client_of(plane: DataPlane, caller: str) -> httpx.Client:
    """Return a client of PostgREST with the key of a caller in `RIGHTS`; its user closes it."""
    keys = {
        "anon": plane.key("anon"),
        "nameless": plane.key("authenticated"),
        "owner": plane.key("authenticated", sub=str(OWNER)),
        "other": plane.key("authenticated", sub=str(OTHER)),
        "service": plane.service_key,
    }
    headers = {"Authorization": f"Bearer {keys[caller]}"}
    return httpx.Client(base_url=plane.rest_url, headers=headers)


def measured_matrix(plane: DataPlane) -> Matrix:
    """Try every cell of `RIGHTS` on a project that has the product's schema; its rows are lost."""
    header, *lines = (line.split() for line in RIGHTS.splitlines() if line)
    cells, wrong = 0, []
    with secured_rows(plane.database) as rows, ExitStack() as stack:
        clients = {caller: stack.enter_context(client_of(plane, caller)) for caller in header[2:]}
        for whose, name, *rights in lines:
            for (caller, client), expected in zip(clients.items(), rights, strict=True):
                found = "".join(_tried(client, rows, RELATIONS[name], _NUMBERS[whose]))
                cells += len(expected)
                if found != expected:
                    wrong.append(f"{whose} {name}: {caller} has {found} instead of {expected}")
    return Matrix(cells, wrong)


def _tried(
    client: httpx.Client, rows: SecuredRows, relation: Relation, number: int
) -> Iterator[str]:
    """Yield for each command its letter if it had an effect, else a hyphen."""
    path = f"/{relation.name}"
    key = relation.key_of(number)
    row = {relation.key: f"eq.{key}"}
    # The row by its name, and whatever comes without asking for anything in particular.
    answers = (client.get(path, params={**row, "select": relation.key}), client.get(path))
    seen = [found for answer in answers if answer.is_success for found in answer.json()]
    yield "S" if key in (found[relation.key] for found in seen) else "-"
    for letter, request in {
        "I": client.build_request("POST", path, json=relation.new_row(number)),
        "U": client.build_request("PATCH", path, params=row, json=relation.change),
        "D": client.build_request("DELETE", path, params=row),
    }.items():
        client.send(request)
        yield letter if rows.changed() else "-"
