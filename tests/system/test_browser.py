"""The pages, and calls from a page of another origin, in a real Chromium."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from api import create_app
from src.dao.sqlite_store import SqliteStore
from src.models import Roadmap
from tests.support.service import serving
from tests.support.settings import isolated_settings

ANA = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Offer the installed Chromium; without one these tests are skipped, but not in CI."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        message = "needs Chromium: install the package `chromium`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def foreign_requests() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, foreign_requests: list[str]) -> Iterator[Page]:
    """Offer a page that reaches this machine alone; what it asks beyond is noted."""
    context = browser.new_context()

    def only_local(route: Route) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:")):
            route.continue_()
        else:
            foreign_requests.append(route.request.url)
            route.abort()

    context.route("**/*", only_local)
    yield context.new_page()
    context.close()


class ForgetfulStore(SqliteStore):
    """A store with a bug."""

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        raise RuntimeError(f"forgot {user_id}")


@pytest.fixture
def frontend(tmp_path: Path) -> Iterator[str]:
    """Serve an empty page on an origin of its own."""
    (tmp_path / "index.html").write_text("<!doctype html><title>frontend</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frontend: str) -> Iterator[str]:
    """Serve the API, with the frontend's origin allowed and a bug in listing."""
    settings = isolated_settings(
        monkeypatch, cors_origins=(frontend,), sqlite_path=tmp_path / "momentum.db"
    )
    store = asyncio.run(ForgetfulStore.open(tmp_path / "momentum.db"))
    with serving(create_app(settings, store=store)) as url:
        yield url


def test_swagger_ui_executes_an_example(page: Page, api: str, foreign_requests: list[str]) -> None:
    """Without internet the page shows every operation, and the example can be executed."""
    page.goto(f"{api}/docs")
    page.wait_for_selector("#operations-roadmaps-generate_roadmap")
    assert page.locator(".opblock").count() == 9
    assert foreign_requests == []
    block = page.locator("#operations-roadmaps-generate_roadmap")
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/generate_roadmap") as answered:
        block.get_by_role("button", name="Execute").click()
    assert answered.value.status == 200
    assert answered.value.json()["duration_weeks"] == 12
    assert foreign_requests == []


def test_redoc_renders(page: Page, api: str, foreign_requests: list[str]) -> None:
    """Without internet the page shows the operations' summaries."""
    page.goto(f"{api}/redoc")
    page.get_by_role("heading", name="Generate and store a new roadmap").first.wait_for()
    assert [url for url in foreign_requests if "redoc.ly" not in url] == []


FETCH = """async ([url, options]) => {
    const res = await fetch(url, options);
    return {ok: res.ok, status: res.status, body: await res.json(),
            requestId: res.headers.get("X-Request-ID")};
}"""


def fetched(page: Page, url: str, **options: object) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(FETCH, [url, options])
    return answer


def test_frontend_reads_every_answer(page: Page, api: str, frontend: str) -> None:
    """A page of the frontend's origin reads successes, problems and even a 500."""
    page.goto(frontend)
    made = fetched(
        page,
        f"{api}/generate_roadmap",
        method="POST",
        headers={"Content-Type": "application/json", "Idempotency-Key": "k", "Authorization": "x"},
        body=f'{{"user_id": "{ANA}", "goal": "Go", "duration_weeks": 1, "daily_hours": 0.5,'
        ' "level": "beginner"}',
    )
    assert made["ok"], made
    assert made["body"]["daily_hours"] == 0.5
    unknown = fetched(page, f"{api}/roadmap/999")
    assert (unknown["status"], unknown["body"]["title"]) == (404, "Roadmap not found")
    broken = fetched(page, f"{api}/roadmaps?user_id={ANA}")
    assert broken["status"] == 500
    assert broken["body"]["request_id"] == broken["requestId"]
    path = f"{api}/roadmap/{made['body']['roadmap_id']}"
    deleted = fetched(page, f"{path}?user_id={ANA}", method="DELETE")
    assert deleted["body"] == {"success": True}


def test_other_origins_read_nothing(page: Page, api: str, frontend: str) -> None:
    """The browser keeps answers from a page whose origin is not allowed."""
    page.goto(frontend.replace("localhost", "127.0.0.1"))
    outcome = page.evaluate(
        "url => fetch(url).then(() => 'read', () => 'refused')", f"{api}/health"
    )
    assert outcome == "refused"
