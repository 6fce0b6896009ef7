"""The linter of imports holds the one direction: each of its contracts notices a violation."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.service import ROOT, clean_environment

VIOLATIONS = {
    "The domain imports nothing of ours": ("domain/plan.py", "src.settings"),
    "Stores and models know the domain, and not each other": ("dao/rows.py", "src.llm.known_parts"),
    "Stores and models know nobody who uses them": ("llm/known_parts.py", "src.services.drain"),
    "Services know no HTTP": ("services/drain.py", "src.web.public_paths"),
    "Services know the protocols of stores and models, never an implementation": (
        "services/roadmaps.py",
        "src.dao.sqlite.file",
    ),
    "What belongs to HTTP knows the domain": ("web/public_paths.py", "src.settings"),
    "Routers know services, the web and the domain": ("routers/health.py", "src.dao.rows"),
}
"""For each contract, a module and an import in it that this contract forbids."""


def test_every_contract_reports_its_violation(tmp_path: Path) -> None:
    """All are planted in one copy of the source: a run of the linter takes a second.

    `make lint` shows that the source itself keeps every contract. A new contract needs a
    violation, or nothing shows that it forbids anything.
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {contract["name"] for contract in settings["contracts"]} == set(VIOLATIONS)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, forbidden in VIOLATIONS.values():
        with (tmp_path / "src" / path).open("a") as module:
            module.write(f"\nimport {forbidden}\n")
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [program, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, run.stderr
    # Each broken contract has a heading, underlined, and the forbidden imports below it.
    reports = run.stdout.partition("Broken contracts\n")[2]
    for contract, (path, forbidden) in VIOLATIONS.items():
        importer = f"src.{path.removesuffix('.py').replace('/', '.')}"
        report = reports.partition(f"{contract}\n{'-' * len(contract)}\n")[2].partition("\n---")[0]
        assert f"{importer} -> {forbidden}" in report, contract


_SERVES_WITHOUT_PROGRESS = """
import asyncio, sys
import httpx
from api import create_app
from src.settings import Settings

async def main():
    app = create_app(Settings(_env_file=None, sqlite_path=sys.argv[1]))
    transport = httpx.ASGITransport(app)
    user = "550e8400-e29b-41d4-a716-446655440000"
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            for path in ("/health", "/openapi.json", "/roadmaps?include=progress", "/progress"):
                separator = "&" if "?" in path else "?"
                (await client.get(f"{path}{separator}user_id={user}")).raise_for_status()
            print(sorted({"pandas", "numpy", "icalendar"} & sys.modules.keys()))
            (await client.get(f"/progress.svg?user_id={user}")).raise_for_status()
            print(sorted({"pandas", "icalendar"} & sys.modules.keys()))

asyncio.run(main())
"""


@pytest.mark.long(3)
def test_pandas_is_imported_for_lists_and_pictures_alone(tmp_path: Path) -> None:
    """A process that serves neither lists nor pictures of progress does without it.

    And without the calendars' library.
    """
    run = subprocess.run(
        [sys.executable, "-c", _SERVES_WITHOUT_PROGRESS, str(tmp_path / "momentum.db")],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == ["[]", "['pandas']"]
