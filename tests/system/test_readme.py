"""The documents are true: their commands print what they show, their links and paths exist."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from pydantic_core import PydanticUndefined

import api
from src.domain import errors
from src.domain.generation import GenerationState
from src.settings import Settings
from src.web.problem_texts import text_of_class
from tests.support.rendered_docs import (
    Block,
    anchors,
    blocks,
    documents,
    inline_code,
    links,
    table_rows,
)
from tests.support.service import ROOT, UNLIMITED, free_port, running_process
from tests.support.settings import isolated_settings

DOCUMENTS = [path.relative_to(ROOT) for path in documents(ROOT)]
DOCUMENTED_ORIGIN = "http://localhost:8000"

NOT_RUN = {
    "make run\n": "installs; the service under test is started by the command of its recipe",
    "make test\n": "installs, and runs this test",
    "python -m venv venv\n": "installs",
    "make standin\n": "installs, and runs until it is stopped",
    "OPENAI_BASE_URL=http://127.0.0.1:9100/api/v1 OPENAI_API_KEY=stand-in make run\n": (
        "installs, and runs until it is stopped"
    ),
    'psql -v ON_ERROR_STOP=1 "$DATABASE_URL"': "needs a database; tests apply the schema",
    'import createClient from "openapi-fetch"': "tests/system/test_typescript_client.py runs it",
    'import { supabase } from "./supabase"': "runs in the frontend, with a Supabase project",
    'TOKEN=$(curl -s "$SUPABASE_URL/auth/v1/token': "needs a Supabase project",
}
"""How blocks begin that a test cannot run, and why."""

OUTPUT = {"text", "json"}

_VOLATILE = {
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"): "<uuid>",
    re.compile(r"\b[0-9a-f]{32}\b"): "<request id>",
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"): "<time>",
    re.compile(r'"\d{4}-\d\d-\d\d"'): "<date>",
    re.compile(r'(?<=_seconds":)( ?)[\d.]+'): r"\1<seconds>",
    re.compile(r"(?<=retry-after: )\d+|(?<=;t=)\d+"): "<seconds>",
    re.compile(r"\d+(?= minutes)"): "<minutes>",
}
"""What differs from run to run; everything else is compared literally."""

_PATH = re.compile(
    r"(src|tests|docs|benchmarks)/[\w./*-]*|[\w.*-][\w./*-]*\.(py|md|toml|sql|json|txt|yaml)"
)
"""What must be a file or a folder of the project; `*` stands for any name."""

OMITTED = "…"
"""A line of its own, for one or more lines that an example leaves out."""


def make_run_command(port: int) -> list[str]:
    """Return what `make run` executes once everything is installed, for this Python."""
    recipe = subprocess.run(
        ["make", "--dry-run", "run", f"PORT={port}", "HOST=127.0.0.1"],  # noqa: S607  the reader's
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    program, *options = shlex.split(recipe.splitlines()[-1])
    assert program == ".venv/bin/python", f"make run ends with {program}"
    return [sys.executable, *options]


class Terminal:
    """A shell in which a reader pastes one block after the other."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607  the reader's
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        self._shell.communicate()

    def run(self, commands: str) -> str:
        """Return what the commands print; the last of them must succeed."""
        assert self._shell.stdin
        assert self._shell.stdout
        mark = f"end of block {uuid4().hex}"
        self._shell.stdin.write(
            f"{commands.replace(DOCUMENTED_ORIGIN, self._origin)}\nprintf '\\n{mark} %d\\n' $?\n"
        )
        self._shell.stdin.flush()
        printed = ""
        for line in self._shell.stdout:
            if line.startswith(mark):
                assert line.split()[-1] == "0", f"{commands}\nfailed with:\n{printed}"
                break
            printed += line
        else:
            pytest.fail(f"{commands}\nended the shell after:\n{printed}")
        return printed.replace("\r", "").replace(self._origin, DOCUMENTED_ORIGIN)


def run_script(script: str, origin: str) -> str:
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", script],  # noqa: S607  as make test needs it
        env=os.environ | {"NEXT_PUBLIC_API_URL": origin},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def matches(shown: str, printed: str) -> bool:
    """Return whether an output is the one that is shown, volatile values aside."""
    for volatile, name in _VOLATILE.items():
        shown, printed = volatile.sub(name, shown), volatile.sub(name, printed)
    expected = "".join(
        r"(?:[^\n]*\n)+?" if line == OMITTED else re.escape(f"{line}\n")
        for line in shown.strip("\n").split("\n")
    )
    return re.fullmatch(expected, printed.strip("\n") + "\n") is not None


def is_run(block: Block) -> bool:
    return not block.text.startswith(tuple(NOT_RUN))


def run_blocks(found: list[Block], origin: str) -> None:
    """Run a document's blocks from top to bottom.

    Raises:
        AssertionError: a block prints something else than is shown, or has an unknown language.
    """
    terminal = Terminal(origin)
    printed: str | None = None
    try:
        for block in found:
            if block.language in OUTPUT and block.is_next and printed is not None:
                assert matches(block.text, printed), f"shown:\n{block.text}\nprinted:\n{printed}"
                printed = None
                continue
            assert not (printed or "").strip(), f"nothing shows what is printed:\n{printed}"
            printed = None
            if not is_run(block):
                continue
            if block.language == "bash":
                printed = terminal.run(block.text)
            elif block.language == "js":
                printed = run_script(block.text, origin)
            elif block.language == "mermaid":
                lacking = set(get_args(GenerationState)) - set(re.findall(r"--> (\w+)", block.text))
                assert not lacking, f"the diagram of states lacks {lacking}"
            else:
                pytest.fail(f"no way to treat this block:\n{block}")
        assert not (printed or "").strip(), f"nothing shows what is printed:\n{printed}"
    finally:
        terminal.close()


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_commands_print_what_is_shown(path: Path, tmp_path: Path) -> None:
    """A document is followed from top to bottom, on a service that was just started."""
    found = blocks((ROOT / path).read_text())
    if any(block.language in {"bash", "js"} and is_run(block) for block in found):
        port, defaults = free_port(), dict.fromkeys(UNLIMITED, "")
        with running_process(make_run_command(port), port, tmp_path, defaults) as service:
            run_blocks(found, service.url)
    else:
        run_blocks(found, DOCUMENTED_ORIGIN)


def test_blocks_that_are_not_run_occur() -> None:
    """An exception outlives no block."""
    shown = [block.text for path in DOCUMENTS for block in blocks((ROOT / path).read_text())]
    unused = [start for start in NOT_RUN if not any(text.startswith(start) for text in shown)]
    assert unused == []


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_and_paths_exist(path: Path) -> None:
    """What a document leads to is there: files, headings, modules and make targets."""
    document = (ROOT / path).read_text()
    targets = make_targets()
    missing = []
    for link in links(document):
        if re.match(r"https?://", link):
            continue
        target, _, fragment = link.partition("#")
        file = (ROOT / path).parent / target if target else ROOT / path
        if not file.exists() or (fragment and fragment not in anchors(file.read_text())):
            missing.append(link)
    for code in inline_code(document):
        if made := re.fullmatch(r"make ([a-z-]+)( [A-Z].*)?", code):
            missing += [] if made[1] in targets else [code]
        elif _PATH.fullmatch(code):
            missing += [] if any(ROOT.glob(code)) else [code]
        elif dotted := re.fullmatch(r"(src(?:\.\w+)+)(?::\w+)?", code):
            missing += [] if any(ROOT.glob(f"{dotted[1].replace('.', '/')}*")) else [code]
    assert missing == []


def test_readme_is_short() -> None:
    """What its readers do not need first stands in docs/."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250


def _documented_default(name: str) -> str:
    if name == "cors_origins":
        return ",".join(api.CORS_ORIGINS)
    default = Settings.model_fields[name].default
    assert default is not PydanticUndefined
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return json.dumps(default) if isinstance(default, bool | float | int) else str(default)


def test_example_file_has_every_default() -> None:
    """`.env.example` lists exactly the settings, each with the default that it has."""
    lines = re.findall(r"^(#?)([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    shown = {name.lower(): value for _, name, value in lines}
    assert len(shown) == len(lines)
    assert shown.keys() == Settings.model_fields.keys() - {"railway_environment"}
    for comment, name, value in lines:
        if comment:
            assert value == _documented_default(name.lower()), name
        else:
            assert value.startswith("your_"), name


def test_example_file_configures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of it that nobody has changed counts as no configuration."""
    defaults = isolated_settings(monkeypatch)
    copied = Settings(_env_file=ROOT / ".env.example")
    assert copied == defaults


def _documented_range(name: str) -> str:
    """Return the bounds of a number as the table has them: `1 to 64`, `above 0, at most 60`."""
    bounds: dict[str, Any] = {}
    for item in Settings.model_fields[name].metadata:
        for bound in ("ge", "gt", "le"):
            if (value := getattr(item, bound, None)) is not None:
                bounds[bound] = f"{value:,}"
    if not bounds:
        return ""
    if "ge" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    return f"above {bounds['gt']}, at most {bounds['le']}"


def test_configuration_lists_every_setting() -> None:
    """docs/configuration.md has each setting once, with its range and its default."""
    rows = list(table_rows((ROOT / "docs/configuration.md").read_text(), "Variable"))
    names = [row["Variable"].strip("`").lower() for row in rows]
    assert sorted(names) == sorted(Settings.model_fields)
    for name, row in zip(names, rows, strict=True):
        expected = _documented_default(name)
        assert row["Default"] == (f"`{expected}`" if expected else "not set"), name
        if bounds := _documented_range(name):
            assert row["Range"] == bounds, name


def test_problems_are_listed() -> None:
    """docs/api.md has each problem code with its status."""
    rows = table_rows((ROOT / "docs/api.md").read_text(), "Code")
    shown = {row["Code"].strip("`"): int(row["Status"]) for row in rows}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    texts = [text_of_class(kind) for kind in kinds if issubclass(kind, errors.MomentumError)]
    assert shown == {text.code: text.status for text in texts if text.status != 500}


def test_routes_are_listed() -> None:
    """The README has every route of the description, and no other."""
    rows = table_rows((ROOT / "README.md").read_text(), "Method and path")
    shown = {row["Method and path"].strip("`").partition("?")[0] for row in rows}
    document = api.create_app(Settings(_env_file=None)).openapi()
    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    assert shown == described


def test_hooks_need_nothing_but_the_project() -> None:
    """The hooks of pre-commit download nothing: each runs a target of the Makefile."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r"repo: (.+)", hooks)) == {"local"}
    assert set(re.findall(r"language: (.+)", hooks)) == {"system"}
    entries = re.findall(r"entry: (.+)", hooks)
    assert {entry.removeprefix("make ") for entry in entries} <= make_targets()
