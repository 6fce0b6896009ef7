"""A TypeScript client, made from the OpenAPI document, against the running service."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.learners import roadmap_request
from tests.support.openapi_document import PATH, committed_document
from tests.support.rendered_docs import blocks
from tests.support.service import ROOT, running_service

SOURCES = ROOT / "tests/support/typescript"
README = ROOT / "README.md"
DOCUMENTED_ORIGIN = "http://localhost:8000"
PACKAGES = ROOT / "tests/support/node_modules"


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a program to its end and return what it printed; fail with that if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long(20)
def test_typed_client_calls_every_operation(tmp_path: Path) -> None:
    """Made by openapi-typescript, it compiles under `strict` and gets what its types promise.

    So does the README's.
    """
    node = shutil.which("node")
    assert node is not None
    shutil.copytree(SOURCES, tmp_path / "client")
    client = tmp_path / "client"
    (client / "package.json").write_text('{"type": "module"}')
    (client / "node_modules").symlink_to(PACKAGES)
    (example,) = (block.text for block in blocks(README.read_text()) if block.language == "ts")
    (client / "readme.ts").write_text(example)
    run(
        node,
        PACKAGES / "openapi-typescript/bin/cli.js",
        PATH,
        "-o",
        "schema.d.ts",
        "--default-non-nullable",
        "false",
        cwd=client,
    )
    run(node, PACKAGES / "typescript/bin/tsc", "-p", ".", cwd=client)
    with running_service("uvicorn", tmp_path) as service:
        httpx.post(f"{service.url}/generate_roadmap", json=roadmap_request()).raise_for_status()
        example = (client / "readme.js").read_text().replace(DOCUMENTED_ORIGIN, service.url)
        (client / "readme.js").write_text(example)
        assert run(node, "readme.js", cwd=client) == "Week 1: 0 %\nWeek 2: 0 %\n"
        called = run(node, "client.js", cwd=client, BASE_URL=service.url)
    operations = {
        f"{method.upper()} {path}"
        for path, methods in committed_document()["paths"].items()
        for method in methods
    }
    assert set(called.splitlines()) == operations
