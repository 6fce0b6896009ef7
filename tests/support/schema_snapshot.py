"""Writes what the doctor expects of a database, from `src/dao/schema.sql`.

Run it after a change of that file: `make schema-snapshot`.
"""

import json
from typing import Any

from src.doctor.schema import EXPECTED_PATH
from tests.support.data_plane import SCHEMA, Database, running_postgres


def schema_report(database: Database) -> dict[str, Any]:
    """Return what the database says of itself, without what differs from server to server."""
    report: dict[str, Any] = database.query("select public.schema_report()")[0][0]
    return report | {"server_version": 150_000, "statement_timeout": 8_000, "max_rows": None}


def main() -> None:
    with running_postgres() as server, server.database() as database:
        database.run_file(SCHEMA)
        EXPECTED_PATH.write_text(json.dumps(schema_report(database), indent=1) + "\n")


if __name__ == "__main__":
    main()
