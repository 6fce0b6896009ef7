"""A database large enough that PostgreSQL reads it by index, where it can."""

from collections.abc import Iterator

import pytest

from tests.support.data_plane import SCHEMA, Database, Postgres


@pytest.fixture(scope="session")
def crowded(postgres: Postgres) -> Iterator[Database]:
    """Offer a database of 2,000 roadmaps of 1,000 users, with 84,000 tasks, and goals and more."""
    with postgres.database() as database:
        database.run_file(SCHEMA)
        database.execute(
            """
            insert into roadmaps (user_id, description, duration_weeks, daily_hours, level)
            select lpad(to_hex(n % 1000), 32, '0')::uuid, 'Learn', 2, 1, 'beginner'
            from generate_series(1, 2000) as n;
            insert into roadmap_tasks
                (roadmap_id, week_number, weekly_goal, day_number, position, task_text)
            select roadmap_id, week, 'Goal', day, place, 'Do'
            from roadmaps, generate_series(1, 2) as week, generate_series(1, 7) as day,
                generate_series(1, 3) as place;
            insert into roadmap_schedules (roadmap_id) select roadmap_id from roadmaps;
            insert into calendar_feeds (roadmap_id, token_hash, time_zone, rollover)
            select roadmap_id, 'hash ' || roadmap_id, 'UTC', 0 from roadmaps;
            insert into goals (roadmap_id, description)
            select roadmap_id, 'Run' from roadmaps, generate_series(1, 3);
            insert into tasks (goal_id, description)
            select goal_id, 'Run slowly' from goals, generate_series(1, 3);
            insert into time_entries (task_id, duration_minutes)
            select task_id, 25 from tasks, generate_series(1, 3);
            insert into rules (keyword, goal_id) select 'word ' || goal_id, goal_id from goals;
            insert into generations (
                generation_id, user_id, client, reserved_dollars, fingerprint, weeks_total,
                roadmap_id, finished_at, lease_id, lease_until
            )
            select gen_random_uuid(), user_id, '192.0.2.1', 1, 'request', 2, roadmap_id, now(),
                gen_random_uuid(), now()
            from roadmaps;
            insert into generation_events (generation_id, number, kind, part)
            select generation_id, n, 'week', '{}' from generations, generate_series(1, 15) as n;
            """
        )
        database.execute("analyze")
        yield database
