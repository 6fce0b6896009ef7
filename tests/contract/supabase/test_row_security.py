"""Row-level security: what the database itself lets the bearer of a token see and change."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.contract.supabase.test_schema import DEPLOYED
from tests.support.data_plane import SCHEMA, Database, DataPlane, Postgres
from tests.support.row_security import (
    OTHERS,
    PUBLISHED,
    RELATIONS,
    SECOND,
    UNPUBLISHED,
    VIEWS,
    SecuredRows,
    client_of,
    measured_matrix,
    secured_rows,
    uuid_of,
)

TABLES = [name for name in RELATIONS if name not in VIEWS]

# --- Who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", DEPLOYED], ids=["empty", "deployed"])
def test_everybody_has_exactly_their_rights(new_project: DataPlane, before: str) -> None:
    """Every cell of the matrix is right, even if all roles had every right before."""
    if before:
        new_project.execute(before)
    new_project.apply_schema()
    matrix = measured_matrix(new_project)
    assert matrix.wrong == []
    assert matrix.cells == 620


@pytest.fixture
def rows(data_plane: DataPlane) -> Iterator[SecuredRows]:
    with secured_rows(data_plane.database) as rows:
        yield rows


@pytest.fixture
def owner(data_plane: DataPlane, rows: SecuredRows) -> Iterator[httpx.Client]:
    """Offer a client of PostgREST with the owner's token, over these rows."""
    assert not rows.changed()
    with client_of(data_plane, "owner") as client:
        yield client


# --- Which columns -------------------------------------------------------------------------------

GOAL = {
    "roadmap_id",
    "description",
    "metric",
    "target_value",
    "current_value",
    "is_prioritized",
    "deadline",
}
CHANGED = {
    "roadmap_tasks": {"completed"},
    "goals": GOAL,
    "tasks": {"goal_id", "description", "status", "is_prioritized"},
    "time_entries": {"task_id", "start_time", "end_time", "duration_minutes"},
    "rules": {"keyword", "category", "goal_id"},
}
"""What an owner may set in rows of the owner's own; nothing in the tables that are not here."""

ADDED = {name: columns for name, columns in CHANGED.items() if name != "roadmap_tasks"}
HIDDEN = {
    "generations": {
        "client",
        "reserved_dollars",
        "fingerprint",
        "idempotency_key",
        "lease_id",
        "lease_until",
        "resumptions",
        "changed_hands",
        "model",
        "calls",
        "priced_calls",
        "retries",
        "prompt_tokens",
        "completion_tokens",
        "cost_dollars",
        "cost_known",
        "first_day_seconds",
    },
    "roadmap_schedules": {
        "roadmap_id",
        "start_date",
        "days_off",
        "minutes_per_day",
        "version",
        "applied_request",
        "applied_answer",
        "before",
    },
    "calendar_feeds": {
        "roadmap_id",
        "token_hash",
        "time_zone",
        "rollover",
        "alarm_hour",
        "polls",
        "created_at",
    },
}
"""What an owner may not even see in rows of the owner's own."""

VALUES = {
    "bigint": SECOND,
    "boolean": True,
    "date": "2026-01-02",
    "double precision": 7,
    "integer": 7,
    "jsonb": {"week": 7},
    "numeric": 7,
    "text": "changed",
    "timestamp with time zone": "2026-01-02T03:04:05Z",
    "uuid": uuid_of(7),
}
"""A value that no row has, or the number of a second parent."""


def columns_of(plane: DataPlane, table: str) -> dict[str, Any]:
    """Return the table's columns, each with a value that is new to it."""
    columns = plane.query(
        "select column_name, data_type from information_schema.columns"  # noqa: S608  our own name
        f" where table_schema = 'public' and table_name = '{table}'"
    )
    return {name: VALUES[kind] for name, kind in columns}


def refused(answer: httpx.Response) -> bool:
    return answer.status_code in {401, 403} and answer.json()["code"] == "42501"


def changes(rows: SecuredRows, answer: httpx.Response) -> bool:
    """Return whether a write changed anything; if not, it must have been refused."""
    changed = rows.changed()
    assert changed != refused(answer), answer.text
    return changed


@pytest.mark.parametrize("table", sorted({*TABLES} - {"questions", "activity_logs"}))
def test_owner_touches_only_these_columns(
    data_plane: DataPlane, rows: SecuredRows, owner: httpx.Client, table: str
) -> None:
    """The owner cannot set another column, with a new row or later, nor see the hidden ones."""
    relation = RELATIONS[table]
    row = {relation.key: f"eq.{relation.key_of(PUBLISHED)}"}
    changed, added, hidden = set(), set(), set()
    for column, value in columns_of(data_plane, table).items():
        new = {**relation.new_row(PUBLISHED), column: value}
        if changes(rows, owner.patch(f"/{table}", params=row, json={column: value})):
            changed.add(column)
        if changes(rows, owner.post(f"/{table}", json=new)):
            added.add(column)
        if refused(owner.get(f"/{table}", params={"select": column})):
            hidden.add(column)
    assert changed == CHANGED.get(table, set())
    assert added == ADDED.get(table, set())
    assert hidden == HIDDEN.get(table, set())


def test_owner_does_not_choose_the_time_of_a_completion(
    data_plane: DataPlane, rows: SecuredRows, owner: httpx.Client
) -> None:
    """The database sets the time of the first completion, and undoing clears it."""
    task = {"id": f"eq.{uuid_of(PUBLISHED)}"}

    def completed_at(**change: object) -> Any:  # noqa: ANN401  a time or None
        answer = owner.patch("/roadmap_tasks", params=task, json=change)
        assert answer.is_success, answer.text
        ((time,),) = data_plane.query(
            f"select completed_at from roadmap_tasks where id = '{uuid_of(PUBLISHED)}'"  # noqa: S608  own
        )
        return time

    first = completed_at(completed=True)
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)
    assert completed_at(completed=True) == first
    assert completed_at(completed=False) is None
    again = completed_at(completed=True)
    assert again > first
    for time in ("infinity", "20000-01-01"):
        for change in ({"completed_at": time}, {"completed": True, "completed_at": time}):
            assert refused(owner.patch("/roadmap_tasks", params=task, json=change))
    assert completed_at(completed=True) == again
    rows.seed()


# --- Which rows ----------------------------------------------------------------------------------

OWN = (PUBLISHED, SECOND)


@pytest.mark.parametrize("parent", [OTHERS, UNPUBLISHED, None])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("goals", "roadmap_id"),
        ("tasks", "goal_id"),
        ("time_entries", "task_id"),
        ("rules", "goal_id"),
    ],
)
def test_owner_gives_nothing_away(
    rows: SecuredRows, owner: httpx.Client, table: str, column: str, parent: int | None
) -> None:
    """No row moves or is added to a parent that is another user's, unpublished, or missing."""
    relation = RELATIONS[table]
    row = {relation.key: f"eq.{PUBLISHED}"}
    new = {**relation.new_row(PUBLISHED), column: parent}
    assert not changes(rows, owner.patch(f"/{table}", params=row, json={column: parent}))
    assert not changes(rows, owner.post(f"/{table}", json=new))
    # A statement without a condition reads no row, so that no policy for reading applies.
    assert not changes(rows, owner.patch(f"/{table}", json={column: parent}))


@pytest.mark.parametrize("table", TABLES)
def test_what_names_no_row_reaches_only_own_rows(
    rows: SecuredRows, owner: httpx.Client, table: str
) -> None:
    """A change or a delete of every row that there is leaves all others' rows as they are."""
    before = rows.now()
    owner.patch(f"/{table}", json=RELATIONS[table].change)
    owner.delete(f"/{table}")
    touched = {named(row) for row in set(before) - set(rows.now())}
    own = {(name, RELATIONS[name].key_of(number)) for name in TABLES for number in OWN}
    assert touched <= own
    assert bool(touched) == (table in {"roadmaps", *CHANGED})


def named(row: tuple[str, str]) -> tuple[str, Any]:
    table, text = row
    return table, json.loads(text)[RELATIONS[table].key]


def test_owner_deletes_a_roadmap_with_all_that_was_planned(
    rows: SecuredRows, owner: httpx.Client
) -> None:
    """Tasks, goals and the generation's events go along, which the owner may not delete alone."""
    before = rows.now()
    deleted = owner.delete("/roadmaps", params={"roadmap_id": f"eq.{PUBLISHED}"})
    assert deleted.status_code == 204
    gone = {named(row) for row in before} - {named(row) for row in rows.now()}
    assert gone == {
        (name, RELATIONS[name].key_of(PUBLISHED))
        for name in (
            *("roadmaps", "roadmap_tasks", "roadmap_schedules", "calendar_feeds"),
            *("goals", "generation_events"),
        )
    }


def test_learners_do_not_meet_in_their_keywords(
    data_plane: DataPlane, rows: SecuredRows, owner: httpx.Client
) -> None:
    """A keyword that another learner uses can be added, and renamed to, as any other."""
    with client_of(data_plane, "other") as other:
        for client, number in ((owner, PUBLISHED), (other, OTHERS)):
            added = client.post("/rules", json={"keyword": "rust", "goal_id": number})
            assert added.status_code == 201, added.text
        again = other.post("/rules", json={"keyword": "rust", "goal_id": OTHERS})
        assert again.status_code == 409
        rule = {"rule_id": f"eq.{PUBLISHED}"}
        assert owner.patch("/rules", params=rule, json={"keyword": f"word {OTHERS}"}).is_success
    assert rows.changed()


# --- Which functions -----------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["anon", "nameless", "other", "owner", "service"])
def test_functions_are_the_service_alone(
    data_plane: DataPlane, rows: SecuredRows, caller: str
) -> None:
    """The database refuses every other caller, before it looks at the arguments."""
    functions = data_plane.query(
        "select proname, coalesce(proargnames[1:pronargs], '{}') from pg_proc"
        " where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype"
    )
    assert len(functions) >= 8
    with client_of(data_plane, caller) as client:
        for name, parameters in functions:
            answer = client.post(f"/rpc/{name}", json=dict.fromkeys(parameters))
            assert refused(answer) == (caller != "service"), (name, answer.text)
        call = {"p_task_id": uuid_of(PUBLISHED), "p_completed": True}
        completed = client.post("/rpc/set_task_completed", json=call)
        assert completed.is_success == rows.changed() == (caller == "service")


# --- What stands in the catalog ------------------------------------------------------------------

HELD = """
select distinct grantee::regrole::text, kind, privilege_type
from (
    select 'relation or sequence ' || relkind::text, relacl
    from pg_class where relnamespace = 'public'::regnamespace
    union all
    select 'function', coalesce(proacl, acldefault('f', proowner))
    from pg_proc where pronamespace = 'public'::regnamespace
) as rights (kind, acl), aclexplode(acl)
where grantee = 0 or grantee in ('anon'::regrole, 'authenticated'::regrole)
order by 1, 2, 3
"""
"""The rights of everybody, of `anon` and of `authenticated` on whole objects."""


@pytest.mark.parametrize("before", ["", DEPLOYED], ids=["empty", "deployed"])
def test_nothing_is_granted_beside_the_policies(postgres: Postgres, before: str) -> None:
    """Learners may read and delete, and set single columns; nobody has a sequence or a function."""
    with postgres.database() as database:
        if before:
            database.execute(before)
        database.run_file(SCHEMA)
        assert database.query(HELD) == [
            ("authenticated", "relation or sequence r", "DELETE"),
            ("authenticated", "relation or sequence r", "SELECT"),
            ("authenticated", "relation or sequence v", "SELECT"),
        ]


def test_policies_are_for_learners_and_read_the_token_once(data_plane: DataPlane) -> None:
    """Each policy is for `authenticated` and one command, and reads the token only once."""
    policies = data_plane.query(
        "select roles::text[], cmd, coalesce(qual, '') || coalesce(with_check, '') from pg_policies"
        " where schemaname = 'public'"
    )
    assert len(policies) == 22
    for roles, command, rule in policies:
        assert roles == ["authenticated"]
        assert command != "ALL"
        assert "auth.uid()" in rule
        assert "auth.uid()" not in rule.replace("( SELECT auth.uid() AS uid)", "")


def test_foreign_policies_stay_and_open_only_what_they_name(new_project: DataPlane) -> None:
    """One that shows roadmaps to all learners opens neither writes nor the tables below them."""
    new_project.apply_schema()
    new_project.execute("create policy shared on roadmaps for select to authenticated using (true)")
    new_project.apply_schema()
    assert measured_matrix(new_project).wrong == [
        "published roadmaps: nameless has S--- instead of ----",
        "published roadmaps: other has S--- instead of ----",
        "published roadmap_weeks: nameless has S--- instead of ----",
        "published roadmap_weeks: other has S--- instead of ----",
        "unpublished roadmaps: nameless has S--- instead of ----",
        "unpublished roadmaps: other has S--- instead of ----",
        "unpublished roadmaps: owner has S--- instead of ----",
    ]


# --- Speed ---------------------------------------------------------------------------------------

USER = UUID(int=7)
STATEMENTS = {
    **{f"all {name}": f"table {name}" for name in (*CHANGED, "roadmaps", "roadmap_weeks")},
    "all generations": "select generation_id, weeks_done from generations",
    "all generation_events": "table generation_events",
    "every task undone": "update roadmap_tasks set completed = false",
    "every goal changed": "update goals set current_value = 7",
    "every time entry deleted": "delete from time_entries",
    "every roadmap deleted": "delete from roadmaps",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_policies_find_own_rows_by_an_index(crowded: Database, statement: str) -> None:
    """In a crowded database not even a statement that names no row reads a whole table."""
    with psycopg.connect(crowded.uri()) as connection:
        connection.execute("set local role authenticated")
        claims = json.dumps({"role": "authenticated", "sub": str(USER)})
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        lines = connection.execute(f"explain {STATEMENTS[statement]}".encode()).fetchall()
        connection.rollback()
    plan = "\n".join(line for (line,) in lines)
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan
