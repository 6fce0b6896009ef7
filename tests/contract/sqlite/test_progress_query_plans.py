"""SQLite adds progress up from an index: rows hold the texts, and take several times as long."""

import sqlite3
from contextlib import closing
from pathlib import Path

from src.dao.sqlite.plans import select_facts, select_totals
from src.dao.sqlite.store import SqliteStore
from tests.support.plans import new_roadmap, stored


async def test_progress_is_added_up_from_an_index(tmp_path: Path) -> None:
    """Groups and totals look at no row, and sort nothing; completions look at completed rows."""
    path = tmp_path / "momentum.db"
    store = await SqliteStore.open(path)
    roadmap = await stored(store, new_roadmap(weeks=1))
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        queries: list[str] = []
        connection.set_trace_callback(queries.append)
        select_totals(connection, roadmap.user_id)
        select_facts(connection, roadmap, coarse=True)
        select_facts(connection, roadmap, coarse=False)
        connection.set_trace_callback(None)
        read = {
            query: [row["detail"] for row in connection.execute(f"explain query plan {query}")]
            for query in queries
            if " from roadmap_tasks" in query
        }
    assert len(read) == 4
    for query, steps in read.items():
        if "completed_at" in query:
            assert "roadmap_tasks_completed" in steps[0], steps
        else:
            (read_by,) = (step for step in steps if "roadmap_tasks" in step)
            assert "COVERING INDEX roadmap_tasks_progress" in read_by, steps
            assert not any("TEMP B-TREE" in step for step in steps), steps
