"""`src/dao/schema.sql` on an empty database, on the deployed one and on its own result."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support.data_plane import SCHEMA, Database, DataPlane, Postgres, open_store
from tests.support.plans import new_roadmap, stored
from tests.support.reads import get_roadmap, list_roadmaps, list_tasks, list_weeks

DEPLOYED_TABLES = (
    *("activity_logs", "goals", "roadmap_tasks", "roadmaps"),
    *("rules", "tasks", "time_entries"),
)
TABLES = sorted(
    [
        *DEPLOYED_TABLES,
        *("generation_events", "generations", "questions"),
        *("roadmap_schedules", "calendar_feeds"),
    ]
)
USER = UUID("11111111-1111-4111-8111-111111111111")

# As in hosted projects of that time: every role gets every right on new tables and functions.
DEPLOYED = """
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
    grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public
    grant all on functions to anon, authenticated, service_role;
create table roadmaps (
    roadmap_id bigint generated always as identity primary key,
    user_id uuid, description text, duration_weeks int, daily_hours int, level text,
    is_active bool default true, created_at timestamptz default now()
);
create table roadmap_tasks (
    id uuid primary key default gen_random_uuid(),
    roadmap_id bigint references roadmaps (roadmap_id) on delete cascade,
    week_number int, weekly_goal text, day_number int, task_text text, effort text, category text,
    completed bool default false, completed_at timestamptz, created_at timestamptz default now()
);
create table goals (
    goal_id bigint generated always as identity primary key,
    roadmap_id bigint references roadmaps (roadmap_id) on delete cascade,
    description text, metric text, target_value numeric, current_value numeric default 0,
    is_prioritized bool default false, deadline date, created_at timestamptz default now()
);
create table tasks (
    task_id bigint generated always as identity primary key,
    goal_id bigint references goals (goal_id) on delete set null,
    description text, status text default 'todo', is_prioritized bool default false,
    created_at timestamptz default now()
);
create table time_entries (
    time_id bigint generated always as identity primary key,
    task_id bigint references tasks (task_id) on delete cascade,
    start_time timestamptz, end_time timestamptz, duration_minutes int
);
create table rules (
    rule_id bigint generated always as identity primary key,
    keyword text unique, category text,
    goal_id bigint references goals (goal_id) on delete set null,
    created_at timestamptz default now()
);
create table activity_logs (
    activity_id bigint generated always as identity primary key,
    app_name text, window_title text, category text, start_time timestamptz, end_time timestamptz,
    duration_minutes int, created_at timestamptz default now()
);
"""
ROWS = """
insert into roadmaps (user_id, description, duration_weeks, daily_hours, level, created_at) values
    ('11111111-1111-4111-8111-111111111111', 'Learn Rust', 2, 3, 'Beginner', '2026-01-01Z'),
    ('11111111-1111-4111-8111-111111111111', 'Learn Go', 1, 1, 'advanced', '2026-02-01Z'),
    ('22222222-2222-4222-8222-222222222222', 'Other', 1, 8, 'beginner', '2026-03-01Z');
insert into roadmap_tasks (
    roadmap_id, week_number, weekly_goal, day_number, task_text, effort, category,
    completed, completed_at, created_at
)
select 1, week, 'Goal ' || week, day, chr(ascii('z') - place) || ' of week ' || week, 'deep',
    'coding', week = 1 and day = 1,
    case when week = 1 and day = 1 then timestamptz '2026-01-02T03:04:05Z' end,
    timestamptz '2026-01-01T00:00:00Z' + place * interval '1 second'
from generate_series(1, 2) as week, generate_series(1, 7) as day,
    generate_series(1, 3) as place;
insert into goals (roadmap_id, description, target_value) values (1, 'Run', 42.195);
insert into tasks (goal_id, description) values (1, 'Run slowly');
insert into time_entries (task_id, duration_minutes) values (1, 25);
insert into rules (keyword, category, goal_id) values ('rust', 'coding', 1);
insert into activity_logs (app_name, duration_minutes) values ('Editor', 50);
"""
# What the deployed columns permit, since none of them is `not null`.
NULLS = """
insert into roadmaps (
    user_id, description, duration_weeks, daily_hours, level, is_active, created_at
) values ('11111111-1111-4111-8111-111111111111', 'Learn Zig', 1, 1, 'beginner', null, null);
insert into roadmap_tasks (roadmap_id, week_number, day_number, task_text, completed, created_at)
    values (1, 1, 1, 'of nulls', null, null);
"""

LATER_NULLS = """
alter table roadmaps alter column description drop not null,
    alter column duration_weeks drop not null, alter column daily_hours drop not null,
    alter column level drop not null, alter column is_active drop not null;
alter table roadmap_tasks alter column week_number drop not null,
    alter column day_number drop not null, alter column task_text drop not null;
insert into roadmaps (user_id, is_active)
    values ('11111111-1111-4111-8111-111111111111', null);
insert into roadmap_tasks (roadmap_id) values (1);
"""

CATALOG = {
    "columns": """
        select table_name, column_name, data_type, numeric_precision, numeric_scale, is_nullable,
            column_default, identity_generation
        from information_schema.columns where table_schema = 'public'""",
    "indexes": "select indexdef from pg_indexes where schemaname = 'public'",
    "policies": "select * from pg_policies",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace""",
    # A table's file changes when the table is rewritten.
    "relations": """
        select relname, relkind, relacl::text, relrowsecurity, reloptions::text, relfilenode
        from pg_class where relnamespace = 'public'::regnamespace""",
    "views": "select viewname, definition from pg_views where schemaname = 'public'",
    "functions": """
        select pg_get_functiondef(oid), proacl::text
        from pg_proc where pronamespace = 'public'::regnamespace""",
    "triggers": "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger"
    " where not tgisinternal",
}


def catalog_of(database: Database) -> dict[str, list[str]]:
    return {name: sorted(map(str, database.query(sql))) for name, sql in CATALOG.items()}


def rows_of(database: Database) -> dict[str, list[Any]]:
    """Return every row of the deployed tables, in their deployed columns."""
    ours = (
        *("position", "estimated_minutes", "published_at", "lease_id"),
        *("completed_tz", "due_date", "moved_by_hand", "date_changes"),
    )
    rows = {}
    for table in DEPLOYED_TABLES:
        found = database.query(f"select to_jsonb(t) from {table} as t order by t")  # noqa: S608  own
        rows[table] = [{name: row[name] for name in row if name not in ours} for (row,) in found]
    return rows


@pytest.fixture
def deployed(new_project: DataPlane) -> DataPlane:
    new_project.execute(DEPLOYED)
    new_project.execute(ROWS)
    return new_project


# --- Applying it ------------------------------------------------------------------------------


def test_empty_database_gets_every_table(postgres: Postgres) -> None:
    with postgres.database() as database:
        database.run_file(SCHEMA)
        tables = database.query("select tablename from pg_tables where schemaname = 'public'")
        assert sorted(name for (name,) in tables) == TABLES


@pytest.mark.parametrize("before", ["", DEPLOYED])
def test_every_run_keeps_every_row(postgres: Postgres, before: str) -> None:
    """An upgrade changes no value of a deployed column.

    A second run changes nothing at all, in no row and in no catalog, and rewrites no table.
    """
    with postgres.database() as database:
        database.execute(before or SCHEMA.read_text())
        database.execute(ROWS)
        rows = rows_of(database)
        assert all(rows.values())
        database.run_file(SCHEMA)
        assert rows_of(database) == rows
        catalog = catalog_of(database)
        database.run_file(SCHEMA)
        assert catalog_of(database) == catalog
        assert rows_of(database) == rows


def test_upgraded_database_has_the_columns_of_a_new_one(postgres: Postgres) -> None:
    """Both have the same columns of the same types, and the same indexes, views and functions."""
    with postgres.database() as new, postgres.database() as old:
        old.execute(DEPLOYED)
        new.run_file(SCHEMA)
        old.run_file(SCHEMA)
        columns = (
            "select table_name, column_name, data_type, numeric_precision, numeric_scale"
            " from information_schema.columns where table_schema = 'public'"
        )
        assert sorted(map(str, new.query(columns))) == sorted(map(str, old.query(columns)))
        for kind in ("indexes", "views"):
            assert catalog_of(new)[kind] == catalog_of(old)[kind]


UNIQUE_KEYWORDS = {
    "deployed": "",
    "renamed": "alter table rules rename constraint rules_keyword_key to words",
    "an index": "alter table rules drop constraint rules_keyword_key;"
    " create unique index words on rules (keyword)",
    "a partial index": "alter table rules drop constraint rules_keyword_key;"
    " create unique index words on rules (keyword) include (category) where goal_id is not null",
    "three of them": "create unique index words on rules (keyword);"
    " alter table rules add constraint spoken unique (keyword)",
    "none": "alter table rules drop constraint rules_keyword_key",
}
"""What a deployed database may have made of the keywords' uniqueness."""


@pytest.mark.parametrize("change", UNIQUE_KEYWORDS)
def test_keywords_become_unique_per_goal(postgres: Postgres, change: str) -> None:
    """Whatever its name is: rows and other constraints stay, and a second run changes nothing."""
    with postgres.database() as database:
        database.execute(DEPLOYED)
        database.execute(ROWS)
        database.execute(UNIQUE_KEYWORDS[change])
        database.execute(
            "alter table rules add constraint short unique (keyword, category);"
            " insert into goals (roadmap_id) values (2); insert into rules (keyword) values (null)"
        )
        rows = rows_of(database)
        for _ in range(2):
            database.run_file(SCHEMA)
            assert rows_of(database) == rows
            assert unique_columns_of_rules(database) == [
                "(goal_id, keyword)",
                "(keyword, category)",
                "(rule_id)",
            ]
        same_word = "insert into rules (keyword, goal_id) values ('rust', %s)"
        database.execute(same_word % 2)
        # Rules whose goals were deleted do not meet: goals can be deleted whatever others wrote.
        database.execute("delete from goals")
        assert database.query(
            "select keyword from rules where goal_id is null order by rule_id"
        ) == [
            ("rust",),
            (None,),
            ("rust",),
        ]
        database.execute("insert into goals (roadmap_id) values (1)")
        ((goal,),) = database.query("select goal_id from goals")
        database.execute(same_word % goal)
        with pytest.raises(psycopg.errors.UniqueViolation):
            database.execute(same_word % goal)


def unique_columns_of_rules(database: Database) -> list[str]:
    indexes = database.query(
        "select substring(indexdef from '\\(.*') from pg_indexes"
        " where tablename = 'rules' and indexdef like 'CREATE UNIQUE%'"
    )
    return sorted(columns for (columns,) in indexes)


# --- The deployed database, through the store --------------------------------------------------


async def test_deployed_rows_are_read_and_changed_through_the_store(deployed: DataPlane) -> None:
    """The store lists them with their completions, completes and undoes tasks, and deletes."""
    deployed.apply_schema()
    async with open_store(deployed.url, deployed.service_key) as store:
        listed = await list_roadmaps(store, USER)
        assert [roadmap.description for roadmap in listed] == ["Learn Go", "Learn Rust"]
        assert '"daily_hours":3,' in listed[1].model_dump_json()
        assert await get_roadmap(store, 1, USER) == listed[1]

        tasks = await list_tasks(store, 1, USER)
        assert [(task.week_number, task.day_number, task.task_text) for task in tasks] == [
            (week, day, f"{letter} of week {week}")
            for week in (1, 2)
            for day in range(1, 8)
            for letter in "yxw"
        ]
        assert [task.completed for task in tasks] == [True] * 3 + [False] * 39
        assert {task.estimated_minutes for task in tasks} == {None}
        assert tasks[0].model_dump_json().count('"completed_at":"2026-01-02T03:04:05Z"') == 1
        weeks = await list_weeks(store, 1)
        assert [(week.total_tasks, week.completed_tasks) for week in weeks] == [(21, 3), (21, 0)]
        # A roadmap that has no task is a roadmap all the same.
        assert await list_tasks(store, 2) == []
        assert await list_weeks(store, 2) == []

        first, *_, last = tasks
        await store.set_task_completed(last.id, completed=True, user_id=USER)
        await store.set_task_completed(first.id, completed=False)
        after = await list_tasks(store, 1)
        assert (after[0].completed_at, after[-1].completed) == (None, True)
        assert [task.id for task in after][:: len(after) - 1] == [first.id, last.id]

        await store.delete_roadmap(1, USER)
        assert [roadmap.roadmap_id for roadmap in await list_roadmaps(store, USER)] == [2]
    assert deployed.query("select count(*) from roadmap_tasks") == [(0,)]


async def test_old_and_new_code_write_to_an_upgraded_database(deployed: DataPlane) -> None:
    """New code stores half hours; what older code still writes is published at once.

    The upgrade does not fail for a number of hours that older code let through.
    """
    deployed.execute("update roadmaps set daily_hours = 120 where description = 'Other'")
    deployed.apply_schema()
    hours = "select daily_hours from roadmaps where description = 'Other'"
    assert deployed.query(hours) == [(120,)]
    async with open_store(deployed.url, deployed.service_key) as store:
        roadmap = await stored(store, new_roadmap(USER, daily_hours=0.5))
        assert roadmap.daily_hours == 0.5
        listed = await list_roadmaps(store, USER)
        assert [each.daily_hours for each in listed] == [0.5, 1, 3]
        new_tasks = await list_tasks(store, roadmap.roadmap_id)
        assert len(new_tasks) == 42
        assert {task.estimated_minutes for task in new_tasks} == {5, 10, 15}

        deployed.execute(ROWS.partition("insert into goals")[0].replace("Learn", "Relearn"))
        listed = await list_roadmaps(store, USER)
        assert {"Relearn Go", "Relearn Rust"} < {each.description for each in listed}
        old_tasks = await list_tasks(store, 1)
        assert len(old_tasks) == 84
        assert {task.estimated_minutes for task in old_tasks} == {None}


async def test_a_null_hides_nothing(deployed: DataPlane) -> None:
    """A null of before the upgrade or after it hides neither its own row nor the others."""
    deployed.execute(NULLS)
    deployed.apply_schema()
    deployed.execute(LATER_NULLS)
    async with open_store(deployed.url, deployed.service_key) as store:
        roadmaps = await list_roadmaps(store, USER)
        assert len(roadmaps) == 4
        (empty,) = (roadmap for roadmap in roadmaps if not roadmap.description)
        assert (empty.daily_hours, empty.is_active) == (0, True)
        tasks = await list_tasks(store, 1)
        (task,) = (task for task in tasks if task.task_text == "of nulls")
        assert (task.completed, task.completed_at) == (False, None)
        assert sum(not task.task_text for task in tasks) == 1
        assert len(tasks) == sum(week.total_tasks for week in await list_weeks(store, 1)) == 44


async def test_times_are_returned_in_utc(deployed: DataPlane) -> None:
    deployed.execute("alter role authenticator set timezone to 'Pacific/Kiritimati'")
    deployed.apply_schema()
    deployed.execute("update roadmap_tasks set completed_at = '2026-01-01T23:30:00Z'")
    async with open_store(deployed.url, deployed.service_key) as store:
        assert (await list_tasks(store, 1))[0].model_dump_json().count("2026-01-01T23:30:00Z") == 1


# --- Who may see what ---------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", DEPLOYED])
def test_every_table_has_row_level_security(postgres: Postgres, before: str) -> None:
    """No table is without it, and every view asks with its reader's rights."""
    with postgres.database() as database:
        database.execute(before)
        database.run_file(SCHEMA)
        relations = database.query(
            "select relname, relkind::text, relrowsecurity, reloptions from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')"
        )
        assert len(relations) > len(TABLES)
        for name, kind, secured, options in relations:
            assert secured if kind in "rp" else "security_invoker=true" in options, name
        definers = database.query(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
        )
        # The function of a trigger, which runs for every user who deletes a roadmap.
        assert definers == [("forget_generation_events",)]


# --- Speed --------------------------------------------------------------------------------------

READS = {
    "a learner's weeks": "select * from roadmap_weeks where roadmap_id = 77",
    "a learner's week": "select * from roadmap_weeks where roadmap_id = 77 and week_number = 2",
    "an undo": """
        delete from roadmaps where lease_id = '11111111-1111-4111-8111-111111111111'
            and published_at is null""",
    "a repeated request": """
        select * from generations where user_id = '00000000-0000-0000-0000-000000000077'
            and case
                when generation_id = '11111111-1111-4111-8111-111111111111' then true
                else idempotency_key = 'k' and problem is null
            end
        order by started_at limit 1""",
    "a generation": """
        select * from generations
        where generation_id = '11111111-1111-4111-8111-111111111111'""",
    "a lease": """
        update generations set weeks_done = 1
        where lease_id = '11111111-1111-4111-8111-111111111111' and finished_at is null""",
    "parts": """
        select json_agg(json_build_object('number', number, 'kind', kind) order by number)
        from generation_events
        where generation_id = '11111111-1111-4111-8111-111111111111' and number > 3""",
    "the last part's number": """
        select coalesce(max(number), 0) from generation_events
        where generation_id = '11111111-1111-4111-8111-111111111111'""",
    "a claim": """
        select generation_id from generations
        where finished_at is null and lease_until < clock_timestamp() and resumptions < 5
        order by lease_until limit 1 for update skip locked""",
    "a sweep of roadmaps": """
        delete from roadmaps as r
        where r.published_at is null and not exists (
            select from generations as g where g.lease_id = r.lease_id
                and g.finished_at is null and g.lease_until > clock_timestamp()
        ) and (r.lease_id is not null or r.created_at < now() - interval '15 minutes')""",
    "a sweep of generations": """
        update generations set finished_at = now()
        where finished_at is null and lease_until < clock_timestamp() and resumptions >= 5""",
    "a sweep of requests": """
        update generations set request = null
        where request is not null and finished_at < now() - interval '24 hours'""",
    "a deletion's parts": """
        delete from generation_events as e using generations as g
        where g.roadmap_id = 77 and e.generation_id = g.generation_id""",
}
"""The statements of the store and of its functions, and of learners in Supabase's own API."""


@pytest.mark.parametrize("read", READS)
def test_reads_use_an_index(crowded: Database, read: str) -> None:
    """In a large database no request of the service reads a whole table."""
    plan = "\n".join(line for (line,) in crowded.query(f"explain {READS[read]}"))
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan


# Roadmap 77 belongs to the user whose id is 4d, which is 77 in hexadecimal.
DOCUMENTS = {
    "a user's roadmaps": "list_roadmaps('00000000-0000-0000-0000-00000000004d')",
    "a roadmap's tasks": "read_tasks(77)",
    "a roadmap with its tasks": "read_roadmap_with_tasks(77)",
    "a roadmap's weeks": "read_weeks(77)",
    "a week": "read_week(77, 2)",
    "a user's totals": "list_totals('00000000-0000-0000-0000-00000000004d')",
    "a user's progress": "list_facts('00000000-0000-0000-0000-00000000004d')",
    "a roadmap's progress": "list_facts('00000000-0000-0000-0000-00000000004d', 77)",
    "open tasks": "list_open_tasks("
    """'00000000-0000-0000-0000-00000000004d', '{"77": [[1, 2, null]]}')""",
    "a plan": "read_plan('00000000-0000-0000-0000-00000000004d', 77)",
    "a task's plan": "read_plan('00000000-0000-0000-0000-00000000004d', null,"
    " (select id from roadmap_tasks where roadmap_id = 77 limit 1))",
    "new dates": "set_dates('00000000-0000-0000-0000-00000000004d', 77, 0,"
    " (select jsonb_object_agg(id, date '2026-01-02') from roadmap_tasks where roadmap_id = 77),"
    " null, '[]', null, 'request', 'answer')",
    "an undo of dates": "undo_dates('00000000-0000-0000-0000-00000000004d', 77)",
    "a moved task": "move_task('00000000-0000-0000-0000-00000000004d',"
    " (select id from roadmap_tasks where roadmap_id = 77 limit 1), '2026-01-03')",
    "a poll": "poll_feed('hash 77', 60)",
}
EXPLAINED = {"log_nested_statements": "on", "log_min_duration": "0"}
"""What the module `auto_explain` is to do."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_are_read_by_index(crowded: Database, document: str) -> None:
    """Nor does any query inside of the functions that return documents."""
    plans: list[str] = []
    with psycopg.connect(crowded.uri(), autocommit=True) as connection:
        connection.execute("load 'auto_explain'")
        for name, value in EXPLAINED.items():
            connection.execute(f"set auto_explain.{name} = {value}".encode())
        connection.execute("set client_min_messages = log")
        connection.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        found = connection.execute(f"select * from public.{DOCUMENTS[document]}".encode())  # noqa: S608  ours
        documents = [document for (document,) in found.fetchall()]
        assert documents
        assert all(documents)
    assert "Index" in "".join(plans)
    assert not [plan for plan in plans if "Seq Scan" in plan]


def test_every_foreign_key_has_an_index(postgres: Postgres) -> None:
    """A delete that cascades looks nothing up by reading a whole table."""
    with postgres.database() as database:
        database.run_file(SCHEMA)
        bare = database.query(
            """
            select conrelid::regclass::text, conname from pg_constraint as c
            where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
                select from pg_index as i
                where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1]
            )
            """
        )
        assert bare == []


def test_failing_run_leaves_no_trace(postgres: Postgres) -> None:
    """A run that fails half-way changes nothing, so that somebody can repair and repeat it."""
    with postgres.database() as database:
        database.execute(DEPLOYED)
        database.execute("create materialized view roadmap_weeks as select 1 as roadmap_id")
        before = catalog_of(database)
        with pytest.raises(RuntimeError, match="roadmap_weeks"):
            database.run_file(SCHEMA)
        assert catalog_of(database) == before
