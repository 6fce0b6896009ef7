"""`make run` on machines where something went wrong before."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.service import ROOT

FAKE_PYTHON = """#!/bin/sh
# Called as: python -m venv --clear .venv
rm -rf "$4" && mkdir -p "$4/bin"
printf '#!/bin/sh\\necho {name} "$@"\\n' > "$4/bin/python"
for tool in pip uvicorn; do
    printf '#!%s/bin/python\\n' "$PWD/$4" > "$4/bin/$tool"
done
chmod +x "$4"/bin/*
if [ -e broken ]; then echo "ensurepip is not available"; exit 1; fi
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Offer a folder in which `make run` works, with Pythons that make a virtual environment."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("python-a", "python-b"):
        (tmp_path / name).write_text(FAKE_PYTHON.format(name=name))
        (tmp_path / name).chmod(0o755)
    return tmp_path


def make_run(folder: Path, python: str) -> tuple[int, str]:
    """Run `make run` with a Python of the folder; return its status and its output."""
    made = subprocess.run(
        ["make", "--no-print-directory", "run", f"PYTHON=./{python}"],  # noqa: S607  the make of the path
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return made.returncode, made.stdout + made.stderr


def test_environment_whose_making_failed_is_made_anew(folder: Path) -> None:
    """Debian without python3-venv leaves one with Python and without pip."""
    (folder / "broken").touch()
    status, output = make_run(folder, "python-a")
    assert status != 0
    assert "ensurepip is not available" in output
    (folder / "broken").unlink()
    status, output = make_run(folder, "python-a")
    assert status == 0
    assert "python-a -m pip install" in output
    assert "python-a -m uvicorn api:app" in output


def test_environment_is_made_once_for_each_python(folder: Path) -> None:
    assert "python-a -m pip install" in make_run(folder, "python-a")[1]
    assert "pip install" not in make_run(folder, "python-a")[1]
    status, output = make_run(folder, "python-b")
    assert status == 0
    assert "python-b -m pip install" in output
    assert "python-b -m uvicorn api:app" in output


def test_folder_may_move(folder: Path) -> None:
    """What pip installs as a script names the Python of the folder where it was installed."""
    make_run(folder, "python-a")
    moved = folder.rename(folder.with_name("elsewhere"))
    (moved / ".venv/.run-ready").unlink()  # as after a change of the requirements
    status, output = make_run(moved, "python-a")
    assert status == 0
    assert "python-a -m pip install" in output
    assert "python-a -m uvicorn api:app" in output
