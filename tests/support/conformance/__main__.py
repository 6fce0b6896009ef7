"""Explores the service on both stores, and prints what came of it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.conformance.exploration import explore_all
from tests.support.conformance.report import figures, shortfalls
from tests.support.data_plane import running_data_plane, running_postgres
from tests.support.verdict import conclude


def main() -> int:
    """Return the exit status."""
    with (
        running_postgres() as postgres,
        postgres.database() as database,
        running_data_plane(database) as plane,
        TemporaryDirectory() as directory,
    ):
        plane.apply_schema()
        found = explore_all(plane, Path(directory))
    sys.stdout.writelines(f"{line}\n" for line in figures(found))
    return conclude(shortfalls(found))


if __name__ == "__main__":
    sys.exit(main())
