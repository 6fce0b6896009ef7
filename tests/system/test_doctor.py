"""The doctor on a real PostgREST: a good project passes, and each fault is named, and only it.

`tests/unit/doctor/` has what needs no database: settings, addresses, keys, what Supabase's gateway
answers, access tokens, the model, networks and clocks.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from src.doctor.schema import EXPECTED_PATH
from tests.support.data_plane import SCHEMA, DataPlane, Postgres, running_data_plane
from tests.support.doctor import Doctor, publish_auth
from tests.support.schema_snapshot import schema_report
from tests.support.standin import OpenRouterStandIn
from tests.support.tokens import SigningKey, TokenMint


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    return Doctor(monkeypatch, tmp_path, capsys)


@pytest.fixture(scope="module")
def module_project(postgres: Postgres) -> Iterator[DataPlane]:
    with postgres.database() as database, running_data_plane(database) as plane:
        plane.apply_schema()
        yield plane


@pytest.fixture
def project(module_project: DataPlane, rsa_key: SigningKey) -> DataPlane:
    """Offer a good project, with Auth; a test that damages it repairs it."""
    publish_auth(module_project, TokenMint(module_project.url, rsa_key=rsa_key))
    return module_project


def test_expected_schema_is_this_release_s(project: DataPlane) -> None:
    """After a change of schema.sql, run `make schema-snapshot`."""
    assert json.loads(EXPECTED_PATH.read_text()) == schema_report(project.database)


def test_report_is_for_the_service_alone(project: DataPlane) -> None:
    """It says what a stranger could look for."""
    for role in ("anon", "authenticated"):
        headers = {"Authorization": f"Bearer {project.key(role)}"}
        for function in ("schema_report", "many_rows"):
            answer = httpx.post(f"{project.rest_url}/rpc/{function}", headers=headers)
            assert answer.status_code in {401, 403}
            assert answer.json()["code"] == "42501"


def test_good_project_and_model_pass(
    doctor: Doctor, project: DataPlane, standin: OpenRouterStandIn
) -> None:
    """Nothing is invented: not even a note, but for the header of a proxy."""
    diagnosis = doctor.examine(
        AUTH_MODE="required",
        TRUSTED_PROXY_HEADER="X-Real-IP",
        OPENAI_API_KEY=standin.api_key,
        OPENAI_BASE_URL=standin.base_url,
        **project.variables,
    )
    assert diagnosis.wrongs == []
    assert diagnosis.of("note") == []
    shown = "\n".join(diagnosis.lines)
    for line in (
        "SUPABASE_URL: the project answers",
        "schema.sql: version",
        "Max rows: answers are cut at 1000 rows",
        "access tokens: the project publishes 1 ES256, 1 RS256",
        "SUPABASE_JWT_ISSUER: tokens are issued by",
        "OPENAI_MODEL: 127.0.0.1 answers, and takes a JSON schema with all rules",
        "clock: it agrees with 127.0.0.1",
    ):
        assert f"ok     {line}" in shown, diagnosis.lines


def test_good_project_in_production_passes(doctor: Doctor, project: DataPlane) -> None:
    """Without a model's key the offline planner serves, as the service says at its start, too."""
    diagnosis = doctor.examine(
        RAILWAY_ENVIRONMENT="production",
        SUPABASE_JWT_SECRET=project.secret,
        **project.variables,
    )
    assert diagnosis.wrongs == []
    assert [line.partition(":")[0] for line in diagnosis.of("note")] == [
        "AUTH_MODE",
        "OPENAI_API_KEY",
    ]


DAMAGES = {
    "a table": (
        "alter table questions rename to asked",
        "alter table asked rename to questions",
        ("tables", "questions"),
    ),
    "a column": (
        "alter table roadmap_tasks rename estimated_minutes to minutes",
        "alter table roadmap_tasks rename minutes to estimated_minutes",
        ("columns", "roadmap_tasks.estimated_minutes"),
    ),
    "a function": (
        "alter function read_week(bigint, int, uuid) rename to read_one_week",
        "alter function read_one_week(bigint, int, uuid) rename to read_week",
        ("functions", "read_week(bigint,integer,uuid)"),
    ),
    "a policy": (
        "alter policy owner_may_select on goals rename to owner_may_look",
        "alter policy owner_may_look on goals rename to owner_may_select",
        ("policies", "goals.owner_may_select"),
    ),
    "a right on a table": (
        "revoke insert on roadmap_tasks from service_role",
        "grant insert on roadmap_tasks to service_role",
        ("rights", "service_role insert roadmap_tasks"),
    ),
    "a right to a function": (
        "revoke execute on function list_roadmaps from service_role",
        "grant execute on function list_roadmaps to service_role",
        ("rights", "service_role execute list_roadmaps(uuid)"),
    ),
    "the right to the report": (
        "revoke execute on function schema_report from service_role",
        "grant execute on function schema_report to service_role",
        ("may not execute",),
    ),
    "row-level security": (
        "alter table roadmaps disable row level security",
        "alter table roadmaps enable row level security",
        ("row-level security", "roadmaps"),
    ),
    "tables open to strangers": (
        "grant select on roadmap_tasks to anon",
        "revoke select on roadmap_tasks from anon",
        ("anon select roadmap_tasks",),
    ),
    "leases open to learners": (
        "grant select (lease_id) on generations to authenticated",
        "revoke select (lease_id) on generations from authenticated",
        ("authenticated select generations.lease_id",),
    ),
    "functions open to everybody": (
        "grant execute on function publish_roadmap to public",
        "revoke execute on function publish_roadmap from public",
        ("public execute publish_roadmap",),
    ),
    "too short a statement timeout": (
        "alter role service_role set statement_timeout = '900ms'",
        "alter role service_role reset statement_timeout",
        ("statement_timeout", "900 ms"),
    ),
}


@pytest.mark.parametrize(("damage", "repair", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_schema(
    doctor: Doctor, project: DataPlane, damage: str, repair: str, words: tuple[str, ...]
) -> None:
    project.execute(damage)
    if "alter role" in damage:
        project.reload_schema()  # PostgREST keeps what is set for roles
    try:
        doctor.name_one(*words, **project.variables)
    finally:
        project.execute(repair)
        if "alter role" in damage:
            project.reload_schema()


def test_policy_of_one_s_own_is_a_note(doctor: Doctor, project: DataPlane) -> None:
    """Policies on tables that are not ours are nobody's business."""
    project.execute("create policy friends on roadmaps for select using (true)")
    try:
        diagnosis = doctor.examine(**project.variables)
    finally:
        project.execute("drop policy friends on roadmaps")
    assert diagnosis.wrongs == []
    assert [line for line in diagnosis.of("note") if line.startswith("policy friends")]


def test_other_tables_in_the_project_are_fine(doctor: Doctor, project: DataPlane) -> None:
    project.execute("create table notes (id int); grant all on notes to anon, authenticated")
    try:
        assert doctor.examine(**project.variables).wrongs == []
    finally:
        project.execute("drop table notes")


OLD_VERSION = (
    "create function public.schema_version() returns int language sql return {version};"
    "grant execute on function public.schema_version to service_role"
)


def test_absent_schema(doctor: Doctor, new_project: DataPlane, rsa_key: SigningKey) -> None:
    publish_auth(new_project, TokenMint(new_project.url, rsa_key=rsa_key))
    doctor.name_one("schema.sql", "absent", **new_project.variables)


def test_old_schema(doctor: Doctor, new_project: DataPlane, rsa_key: SigningKey) -> None:
    publish_auth(new_project, TokenMint(new_project.url, rsa_key=rsa_key))
    new_project.execute(OLD_VERSION.format(version=1))
    new_project.reload_schema()
    doctor.name_one("schema.sql", "version 1", **new_project.variables)


def test_schema_that_postgrest_has_not_seen(
    doctor: Doctor, new_project: DataPlane, rsa_key: SigningKey, tmp_path: Path
) -> None:
    """It still has the schema of before in its cache."""
    publish_auth(new_project, TokenMint(new_project.url, rsa_key=rsa_key))
    new_project.execute(OLD_VERSION.format(version=1))
    new_project.reload_schema()
    silent = tmp_path / "silent.sql"
    silent.write_text(SCHEMA.read_text().replace("notify pgrst, 'reload schema';", ""))
    new_project.database.run_file(silent)
    doctor.name_one("schema.sql", "cache", "notify pgrst", **new_project.variables)


def test_key_of_another_secret(doctor: Doctor, project: DataPlane) -> None:
    key = TokenMint(project.url, secret="x" * 40).api_key("service_role")
    variables = project.variables | {"SUPABASE_SERVICE_ROLE_KEY": key}
    doctor.name_one("SUPABASE_SERVICE_ROLE_KEY", "not signed", **variables)
