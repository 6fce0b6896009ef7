"""The pages, and calls from a page of another origin, in a real Chromium."""

import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Page, Route, async_playwright

from api import create_app
from src.dao.sqlite.store import SqliteStore
from tests.support.learners import ANA, roadmap_request
from tests.support.service import serving
from tests.support.settings import isolated_settings


@pytest.fixture
def foreign_requests() -> list[str]:
    return []


@pytest.fixture
async def page(foreign_requests: list[str]) -> AsyncIterator[Page]:
    """Offer a page in the installed Chromium; without one tests are skipped, but not in CI.

    The page reaches this machine alone; what it asks beyond is noted.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        message = "needs Chromium: install the package `chromium`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    async def only_local(route: Route) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:")):
            await route.continue_()
        else:
            foreign_requests.append(route.request.url)
            await route.abort()

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = await browser.new_page()
        await page.route("**/*", only_local)
        yield page
        await browser.close()


async def forget_roadmaps(user_id: UUID) -> bytes:
    """Fail as a bug would."""
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
async def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frontend: str) -> AsyncIterator[str]:
    """Serve the API, with the frontend's origin allowed and a bug in listing."""
    settings = isolated_settings(
        monkeypatch, cors_origins=(frontend,), sqlite_path=tmp_path / "momentum.db"
    )
    store = await SqliteStore.open(tmp_path / "momentum.db")
    monkeypatch.setattr(store.documents, "list_roadmaps", forget_roadmaps)
    with serving(create_app(settings, store=store)) as url:
        yield url


async def test_swagger_ui_executes_an_example(
    page: Page, api: str, foreign_requests: list[str]
) -> None:
    """Without internet the page shows every operation, and the example can be executed."""
    await page.goto(f"{api}/docs")
    await page.wait_for_selector("#operations-roadmaps-generate_roadmap")
    assert await page.locator(".opblock").count() == 24
    assert foreign_requests == []
    block = page.locator("#operations-roadmaps-generate_roadmap")
    await block.locator(".opblock-summary").click()
    await block.get_by_role("button", name="Try it out").click()
    async with page.expect_response("**/generate_roadmap") as answered:
        await block.get_by_role("button", name="Execute").click()
    answer = await answered.value
    assert answer.status == 200
    assert (await answer.json())["duration_weeks"] == 12
    assert foreign_requests == []


async def test_redoc_renders(page: Page, api: str, foreign_requests: list[str]) -> None:
    """Without internet the page shows the operations' summaries."""
    await page.goto(f"{api}/redoc")
    await page.get_by_role("heading", name="Generate and store a new roadmap").first.wait_for()
    assert [url for url in foreign_requests if "redoc.ly" not in url] == []


FETCH = """async ([url, options]) => {
    const res = await fetch(url, options);
    return {ok: res.ok, status: res.status, body: await res.json(),
            requestId: res.headers.get("X-Request-ID")};
}"""


async def fetched(page: Page, url: str, **options: object) -> dict[str, Any]:
    answer: dict[str, Any] = await page.evaluate(FETCH, [url, options])
    return answer


async def test_frontend_reads_every_answer(page: Page, api: str, frontend: str) -> None:
    """A page of the frontend's origin reads successes, problems and even a 500."""
    await page.goto(frontend)
    made = await fetched(
        page,
        f"{api}/generate_roadmap",
        method="POST",
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
        body=f'{{"user_id": "{ANA}", "goal": "Go", "duration_weeks": 1, "daily_hours": 0.5,'
        ' "level": "beginner"}',
    )
    assert made["ok"], made
    assert made["body"]["daily_hours"] == 0.5
    unknown = await fetched(page, f"{api}/roadmap/999")
    assert (unknown["status"], unknown["body"]["title"]) == (404, "Roadmap not found")
    broken = await fetched(page, f"{api}/roadmaps?user_id={ANA}")
    assert broken["status"] == 500
    assert broken["body"]["request_id"] == broken["requestId"]
    path = f"{api}/roadmap/{made['body']['roadmap_id']}"
    deleted = await fetched(page, f"{path}?user_id={ANA}", method="DELETE")
    assert deleted["body"] == {"success": True}


async def test_other_origins_read_nothing(page: Page, api: str, frontend: str) -> None:
    """The browser keeps answers from a page whose origin is not allowed."""
    await page.goto(frontend.replace("localhost", "127.0.0.1"))
    outcome = await page.evaluate(
        "url => fetch(url).then(() => 'read', () => 'refused')", f"{api}/health"
    )
    assert outcome == "refused"


SHOW_IMAGE = """url => new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => {
        document.body.replaceChildren(image);
        const canvas = document.createElement("canvas");
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const pixels = new Uint32Array(
            context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
        resolve({width: image.naturalWidth, first: pixels[0] >>> 0, colours: new Set(pixels).size});
    };
    image.onerror = () => reject("it does not load");
    image.crossOrigin = "anonymous";  // or the canvas keeps its pixels to itself
    image.src = url;
})"""
BACKGROUNDS = {"light": 0xFFFFFFFF, "dark": 0xFF17110D}
"""As a pixel is stored: alpha, blue, green, red."""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_pictures_are_shown(page: Page, api: str, frontend: str, theme: str) -> None:
    """An `<img>` of the frontend loads each, with the theme's background and much on it."""
    await page.goto(frontend)
    body = roadmap_request(duration_weeks=1)
    async with httpx.AsyncClient(base_url=api, timeout=60) as client:
        roadmap = (await client.post("/generate_roadmap", json=body)).json()
        path = f"/roadmap/{roadmap['roadmap_id']}"
        for task in (await client.get(path)).json()["tasks"][:3]:
            await client.post("/task/update", json={"task_id": task["id"], "completed": True})
    for picture in (
        f"{path}/progress.svg?view=year",
        f"{path}/progress.svg?view=weeks",
        f"{path}/progress.svg?view=burnup",
        "/progress.svg?",
    ):
        url = f"{api}{picture}&user_id={ANA}&theme={theme}"
        shown = await page.evaluate(SHOW_IMAGE, url)
        assert shown["width"] == 760, picture
        assert shown["first"] == BACKGROUNDS[theme], picture
        assert shown["colours"] > 10, picture  # with the smoothed edges of the letters


async def test_browser_sends_etags_by_itself(
    page: Page, api: str, frontend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What a page asks for again is only sent if it has changed; the page notices no difference."""
    caplog.set_level(logging.INFO, logger="src.web.request_log")
    browser = page.context.browser
    assert browser is not None
    page = await browser.new_page()  # a page whose requests are routed has no cache
    await page.goto(frontend)
    read = """url => fetch(url).then(async res =>
        [res.status, res.headers.get("ETag"), await res.text()])"""
    url = f"{api}/progress?user_id={ANA}"
    first, second = [await page.evaluate(read, url) for _ in range(2)]
    assert first == second
    assert first[0] == 200
    assert first[1]
    statuses = [record.getMessage().split()[2] for record in caplog.records]
    assert statuses == ["200", "304"]
