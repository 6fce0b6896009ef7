"""The linter of imports holds the one direction: each of its contracts notices a violation."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.service import ROOT

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
"""For each contract, a module and an import in it that only this contract forbids."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Offer a copy of the source with the linter's configuration."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(directory: Path) -> tuple[int, list[str]]:
    """Run the linter; return its exit status and the contracts that it reports as broken."""
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [program, "--no-cache"], cwd=directory, capture_output=True, text=True, check=False
    )
    broken = [line for line in run.stdout.splitlines() if line.endswith(" BROKEN")]
    return run.returncode, [line.removesuffix(" BROKEN") for line in broken]


def test_source_keeps_every_contract(copy: Path) -> None:
    assert lint(copy) == (0, [])


def test_every_contract_has_a_violation() -> None:
    """A new contract needs one, or nothing shows that it forbids anything."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {contract["name"] for contract in settings["contracts"]} == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_violation_breaks_its_contract(copy: Path, contract: str) -> None:
    """That one alone, by name."""
    path, forbidden = VIOLATIONS[contract]
    module = copy / "src" / path
    module.write_text(f"{module.read_text()}\nimport {forbidden}\n")
    assert lint(copy) == (1, [contract])
