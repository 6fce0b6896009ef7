"""How a report on a database is compared with what `schema.sql` makes of an empty one."""

import pytest

from src.doctor.findings import Finding
from src.doctor.schema import SchemaReport, check_report

GOOD = SchemaReport.expected()


def levels(**changes: object) -> list[str]:
    return [finding.level for finding in findings(**changes)]


def findings(**changes: object) -> list[Finding]:
    return list(check_report(GOOD.model_copy(update=changes), store_timeout=10))


def test_expected_report_is_fine() -> None:
    assert levels() == ["ok"]


def test_more_than_expected_is_fine() -> None:
    """A project may have tables, functions and rights of its own."""
    assert levels(
        columns=GOOD.columns | {"notes.id"},
        functions=GOOD.functions | {"friends()"},
        policies=GOOD.policies | {"notes.anybody"},
        rights=GOOD.rights | {"anon select notes", "service_role truncate roadmaps"},
    ) == ["ok"]


def test_missing_table_is_named_once() -> None:
    """Not its columns, rights and row-level security as well."""
    columns = {name for name in GOOD.columns if not name.startswith("questions.")}
    rights = {right for right in GOOD.rights if not right.endswith(" questions")}
    found = findings(columns=columns, rights=rights, row_security=GOOD.row_security - {"questions"})
    assert [str(finding) for finding in found] == [
        (
            "WRONG  schema.sql: these tables are missing: questions. Apply src/dao/schema.sql, as"
            " docs/deployment.md says."
        )
    ]


def test_long_lists_are_cut() -> None:
    functions = sorted(GOOD.functions)[:-7]
    (missing,) = (f for f in findings(functions=frozenset(functions)) if "functions" in f.what)
    assert missing.what.endswith(" and 2 more")


@pytest.mark.parametrize(
    ("milliseconds", "level"), [(0, "note"), (900, "WRONG"), (8_000, "ok"), (60_000, "note")]
)
def test_statement_timeout(milliseconds: int, level: str) -> None:
    assert levels(statement_timeout=milliseconds)[0] == level


def test_old_server() -> None:
    (old,) = findings(server_version=140_010)
    assert old.is_wrong
    assert old.subject == "PostgreSQL"


def test_right_of_everybody_is_wrong() -> None:
    (extra,) = findings(rights=GOOD.rights | {"public select roadmaps"})
    assert extra.is_wrong
    assert "public select roadmaps" in extra.what
