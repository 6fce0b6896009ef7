-- The schema of the embedded file: those tables of ../schema.sql that the service uses. Times are
-- ISO 8601 text in UTC, which sorts chronologically. The schema is applied to new files and, after
-- the numbered steps of upgrades.py, to files of older releases.

create table if not exists roadmaps (
    roadmap_id integer primary key autoincrement,
    user_id text not null,
    description text not null,
    level text not null,
    duration_weeks integer not null,
    daily_hours real not null,
    is_active integer not null default 1,
    created_at text not null
);
create index if not exists roadmaps_user_newest
    on roadmaps (user_id, created_at desc, roadmap_id desc);

create table if not exists roadmap_tasks (
    id text primary key,
    roadmap_id integer not null references roadmaps (roadmap_id) on delete cascade,
    week_number integer not null,
    weekly_goal text not null,
    day_number integer not null,
    position integer not null,
    task_text text not null,
    effort text not null,
    category text not null,
    estimated_minutes integer,  -- null in rows of older code
    completed integer not null default 0,
    completed_at text,
    created_at text not null,
    completed_tz text,  -- the learner's time zone then, if it is known
    due_date text,  -- null until a schedule or the learner sets one
    moved_by_hand integer not null default 0,
    date_changes integer not null default 0  -- how often due_date has changed
);
create unique index if not exists roadmap_tasks_in_order
    on roadmap_tasks (roadmap_id, week_number, day_number, position);
-- All that weeks and progress add up: an index is read several times as fast as the rows.
create index if not exists roadmap_tasks_progress on roadmap_tasks (
    roadmap_id, week_number, day_number, due_date, effort, category, completed, estimated_minutes,
    weekly_goal
);
create index if not exists roadmap_tasks_completed on roadmap_tasks (roadmap_id) where completed;

-- When learners want to learn, and what undoes the last schedule. A roadmap has no row until then.
create table if not exists roadmap_schedules (
    roadmap_id integer primary key references roadmaps (roadmap_id) on delete cascade,
    start_date text,
    days_off text not null default '[]',  -- names of weekdays, and ISO 8601 intervals of dates
    minutes_per_day integer,
    version integer not null default 0,  -- rises with each change of a date or of a setting
    applied_request text,
    applied_answer text,
    before text  -- the settings, and the dates that differed, before the last schedule
);

-- Secret addresses of calendars; of the secret only a hash.
create table if not exists calendar_feeds (
    roadmap_id integer primary key references roadmaps (roadmap_id) on delete cascade,
    token_hash text not null unique,
    time_zone text not null,
    rollover integer not null,
    alarm_hour integer,
    polls text not null default '[]',  -- those of the last hour, in seconds since 1970
    created_at text not null
);

create table if not exists generations (
    generation_id text primary key,
    user_id text not null,
    client text not null,
    reserved_dollars real not null,
    fingerprint text not null,
    idempotency_key text,
    request text,
    weeks_total integer not null,
    weeks_done integer not null default 0,
    started_at text not null,
    finished_at text,
    end_number integer,  -- the number of its last event, which is how it ended
    lease_id text not null unique,
    lease_until text not null,
    resume_at text,  -- when it may continue, while it waits for the model's provider
    resumptions integer not null default 0,
    changed_hands integer not null default 0,
    roadmap_id integer,
    roadmap text,
    problem text,
    model text not null default '',
    calls integer not null default 0,
    priced_calls integer not null default 0,
    retries integer not null default 0,
    prompt_tokens integer not null default 0,
    completion_tokens integer not null default 0,
    cost_dollars real,
    cost_known integer,  -- whether cost_dollars is all of it; null until it has finished
    first_day_seconds real
);
create index if not exists generations_user on generations (user_id, started_at);
create index if not exists generations_client on generations (client, started_at);
create index if not exists generations_started on generations (started_at);
create index if not exists generations_unfinished
    on generations (lease_until) where finished_at is null;
create index if not exists generations_roadmap on generations (roadmap_id);

create table if not exists generation_events (
    generation_id text not null references generations (generation_id) on delete cascade,
    number integer not null,
    kind text not null,
    part text not null,
    created_at text not null,
    primary key (generation_id, number)
) without rowid;

create table if not exists questions (
    question_id text primary key,
    user_id text not null,
    client text not null,
    reserved_dollars real not null,
    started_at text not null,
    finished_at text,
    model text not null default '',
    calls integer not null default 0,
    priced_calls integer not null default 0,
    retries integer not null default 0,
    prompt_tokens integer not null default 0,
    completion_tokens integer not null default 0,
    cost_dollars real,
    cost_known integer
);
create index if not exists questions_user on questions (user_id, started_at);
create index if not exists questions_client on questions (client, started_at);
create index if not exists questions_started on questions (started_at);

-- All generations and questions, and what each counts towards the budget: its cost or, while that
-- is unknown (it still runs, or nobody reported the cost of a call), at least its reservation.
drop view if exists ledger;
create view ledger as
select entry, user_id, client, started_at, finished_at,
    case
        when cost_known then coalesce(cost_dollars, 0)
        else max(reserved_dollars, coalesce(cost_dollars, 0))
    end as dollars
from (
    select 'generation' as entry, user_id, client, started_at, finished_at,
        cost_known, reserved_dollars, cost_dollars
    from generations
    union all
    select 'question', user_id, client, started_at, finished_at,
        cost_known, reserved_dollars, cost_dollars
    from questions
);

create trigger if not exists forget_generation_events after delete on roadmaps
begin
    delete from generation_events where generation_id in
        (select generation_id from generations where roadmap_id = old.roadmap_id);
end;
