"""The Supabase project: its address, its key, its gateway, and the database behind it."""

from collections.abc import AsyncIterator

from pydantic import ValidationError

from src.dao.supabase.store import SupabaseStore, needed_schema_version
from src.doctor.findings import Finding, ok, wrong
from src.doctor.gateway import APPLY_SCHEMA, RELOAD_SCHEMA, explain_refusal
from src.doctor.network import WAIT_SECONDS, Network, Reply, UnreachableError
from src.doctor.schema import SchemaReport, check_report
from src.doctor.supabase_address import KEY, URL, check_address, check_key
from src.domain.errors import StoreError

MANY_ROWS = 2_000
"""How many rows `many_rows()` of schema.sql returns."""


class Project:
    """Sends to a project what the service sends, and shows the answers as they are."""

    def __init__(self, url: str, key: str, network: Network) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self._network = network

    async def call(self, function: str) -> Reply:
        """Call an SQL function that has no parameters.

        Raises:
            UnreachableError: there was no answer.
        """
        headers = {
            "apikey": self._key,
            "Authorization": f"Bearer {self._key}",
            "Content-Profile": "public",
        }
        url = f"{self.url}/rest/v1/rpc/{function}"
        return await self._network.fetch("POST", url, headers=headers, json={})


async def check_database(
    url: str, key: str, store_timeout: float, network: Network
) -> AsyncIterator[Finding]:
    """Yield what is wrong with the project, and end at what hides all else."""
    stated = [*check_address(url), *check_key(key, url)]
    for finding in stated:
        yield finding
    if any(finding.is_wrong for finding in stated):
        return
    project = Project(url, key, network)
    try:
        version = await project.call("schema_version")
        if refusal := explain_refusal(version, _is_number):
            yield refusal
            return
        yield ok(URL, "the project answers")
        yield ok(KEY, "the project takes it")
        if version.json() < needed_schema_version():
            yield _outdated(version.json())
            return
        async for finding in _check_schema(project, store_timeout):
            yield finding
        yield await _check_store(url, key)
    except UnreachableError as error:
        yield error.finding(URL)


def _outdated(version: int) -> Finding:
    what = f"the database has version {version}, and this release needs {needed_schema_version()}"
    return wrong("schema.sql", what, APPLY_SCHEMA)


async def _check_schema(project: Project, store_timeout: float) -> AsyncIterator[Finding]:
    reply = await project.call("schema_report")
    if "PGRST202" in reply.text:
        yield wrong(
            "schema.sql",
            "PostgREST does not know the function schema_report, which came with the version of"
            " the database: it still has the schema of before in its cache",
            f"{RELOAD_SCHEMA} If that does not help: {APPLY_SCHEMA}",
        )
        return
    if refusal := explain_refusal(reply, _is_object):
        yield refusal
        return
    try:
        report = SchemaReport.model_validate(reply.json())
    except ValidationError:
        what = "the database's schema_report is of another release"
        yield wrong("schema.sql", what, APPLY_SCHEMA)
        return
    for finding in check_report(report, store_timeout):
        yield finding
    yield await _check_max_rows(project, report.max_rows)


async def _check_max_rows(project: Project, stated: str | None) -> Finding:
    """Say how many rows an answer has at most; the service reads documents, which are one row."""
    if stated is None:
        rows = (await project.call("many_rows")).json()
        count = len(rows) if isinstance(rows, list) else 0
        stated = f"{MANY_ROWS} or more" if count >= MANY_ROWS else str(count)
    return ok("Max rows", f"answers are cut at {stated} rows, which cuts none of the service's")


async def _check_store(url: str, key: str) -> Finding:
    """Ask once more as the service does: by its own client, whose transport is another one."""
    store = await SupabaseStore.open(url, key, timeout=WAIT_SECONDS)
    try:
        await store.check()
    except StoreError as error:
        return wrong(
            URL,
            f"the service's own client fails where the doctor does not: {error}",
            "Compare the proxies in the environment, HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        )
    finally:
        await store.close()
    return ok("database", "the service's own client reaches it")


def _is_number(value: object) -> bool:
    return isinstance(value, int)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)
