"""Compares the database with what `src/dao/schema.sql` makes of an empty one."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from src.doctor.findings import Finding, note, ok, wrong
from src.doctor.gateway import APPLY_SCHEMA

EXPECTED_PATH = Path(__file__).with_name("expected_schema.json")
"""What `schema_report()` answers on an empty database; a test holds the two together."""

OLDEST_SERVER = 150_000
"""PostgreSQL 15, the first whose views run with the rights of their caller."""

SHORTEST_STATEMENT_MS = 3_000
"""One second more than a request waits for the ledger's lock (`lock_ledger` of schema.sql)."""

OWN_POLICIES = "owner_may_"
MOST_NAMED = 5


class SchemaReport(BaseModel):
    """What `schema_report()` of schema.sql answers."""

    version: int
    server_version: int
    statement_timeout: int
    max_rows: str | None
    columns: frozenset[str]
    functions: frozenset[str]
    row_security: frozenset[str]
    policies: frozenset[str]
    rights: frozenset[str]

    @classmethod
    def expected(cls) -> Self:
        """Return the report on an empty database with this release's schema."""
        return cls.model_validate(json.loads(EXPECTED_PATH.read_text()))


def check_report(found: SchemaReport, store_timeout: float) -> Iterator[Finding]:
    """Yield how a database differs from what this release needs. `store_timeout` is in seconds."""
    expected = SchemaReport.expected()
    findings = [
        *_check_server(found),
        *_check_missing(found, expected),
        *_check_access(found, expected),
        *_check_timeout(found.statement_timeout, store_timeout),
    ]
    yield from findings
    if not any(finding.is_wrong for finding in findings):
        yield ok(
            "schema.sql",
            f"version {found.version}, with its tables, functions, rights and policies",
        )


def _check_server(found: SchemaReport) -> Iterator[Finding]:
    if found.server_version < OLDEST_SERVER:
        yield wrong(
            "PostgreSQL",
            f"it is version {found.server_version // 10_000}, and 15 is needed",
            "Upgrade the project's database.",
        )


def _check_missing(found: SchemaReport, expected: SchemaReport) -> Iterator[Finding]:
    """Yield what is not there; of a missing table only the table."""
    tables = expected_objects(expected.columns) - expected_objects(found.columns)
    lost = {
        "tables": tables,
        "columns": {
            name for name in expected.columns - found.columns if name.split(".")[0] not in tables
        },
        "functions": expected.functions - found.functions,
        "policies": expected.policies - found.policies,
    }
    there = (found.columns | found.functions | expected_objects(found.columns)) & (
        expected.columns | expected.functions | expected_objects(expected.columns)
    )
    lost["rights"] = {
        right for right in expected.rights - found.rights if right.split(" ", 2)[2] in there
    }
    for kind, names in lost.items():
        if names:
            yield wrong("schema.sql", f"these {kind} are missing: {_listed(names)}", APPLY_SCHEMA)


def _check_access(found: SchemaReport, expected: SchemaReport) -> Iterator[Finding]:
    """Yield what lets others reach more than this release gives them."""
    ours = expected_objects(expected.columns)
    there = expected_objects(found.columns)
    if unprotected := there & (expected.row_security - found.row_security):
        yield wrong(
            "schema.sql",
            f"row-level security is off on {_listed(unprotected)}, so learners reach the rows of"
            " others there",
            APPLY_SCHEMA,
        )
    objects = ours | expected.columns | expected.functions
    extra = {
        right
        for right in found.rights - expected.rights
        if not right.startswith("service_role ") and right.split(" ", 2)[2] in objects
    }
    if extra:
        yield wrong(
            "schema.sql", f"others have rights that they must not: {_listed(extra)}", APPLY_SCHEMA
        )
    for policy in sorted(found.policies - expected.policies):
        table, _, name = policy.partition(".")
        if table in ours and not name.startswith(OWN_POLICIES):
            yield note(
                f"policy {name}",
                f"it is yours, and opens further rows of {table} to whoever has rights there",
                "Drop it unless you mean it.",
            )


def _check_timeout(milliseconds: int, store_timeout: float) -> Iterator[Finding]:
    name = "statement_timeout"
    if 0 < milliseconds < SHORTEST_STATEMENT_MS:
        yield wrong(
            name,
            f"the database ends each request after {milliseconds} ms",
            "In the SQL editor: alter role authenticator set statement_timeout = '8s';",
        )
    elif milliseconds == 0 or milliseconds > 1_000 * store_timeout:
        yield note(
            name,
            "the database works on a request for longer than STORE_TIMEOUT_SECONDS, after which"
            " nobody waits for it",
            "In the SQL editor: alter role authenticator set statement_timeout = '8s';",
        )


def expected_objects(columns: Iterable[str]) -> set[str]:
    """Return the tables and views that have these columns."""
    return {column.split(".")[0] for column in columns}


def _listed(names: Iterable[str]) -> str:
    """Return the names in one line, not too many of them."""
    ordered = sorted(names)
    rest = len(ordered) - MOST_NAMED
    return ", ".join(ordered[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
