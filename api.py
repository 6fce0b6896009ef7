"""The composition root: builds the real stores and models, and mounts the routers."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from src.dao import Store, open_store
from src.errors import SettingsError
from src.llm import Assistant, Planner, open_models
from src.logs import configure_logging
from src.openapi import describe
from src.problems import install_problem_handlers, unexpected_problem
from src.request_context import HEADER as REQUEST_ID_HEADER
from src.request_context import RequestContextMiddleware
from src.routers import assistant as assistant_router
from src.routers import health, progress, roadmaps, tasks
from src.services.assistant import RoadmapAssistant
from src.services.progress import ProgressTracker
from src.services.roadmap_generator import RoadmapGenerator
from src.services.sweeper import sweep_now_and_then
from src.settings import Settings, load_settings

CORS_ORIGINS = ("http://localhost:3000", "https://momentum-ai-frontend.vercel.app")
"""The frontend, in development and in production. `CORS_ORIGINS` in the environment overrides."""


def create_app(
    settings: Settings,
    store: Store | None = None,
    planner: Planner | None = None,
    assistant: Assistant | None = None,
) -> FastAPI:
    """Build the application; what is not given is opened in the lifespan from the settings.

    Everything is closed when the lifespan ends, also what was given.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as resources:
            opened_store = store or await open_store(settings)
            resources.push_async_callback(opened_store.close)
            used_planner, used_assistant = planner, assistant
            if used_planner is None or used_assistant is None:
                opened_planner, opened_assistant = open_models(settings)
                used_planner = used_planner or opened_planner
                used_assistant = used_assistant or opened_assistant
            resources.push_async_callback(used_planner.close)
            resources.push_async_callback(used_assistant.close)

            app.state.generator = RoadmapGenerator(
                opened_store, used_planner, settings.generation_timeout_seconds
            )
            resources.push_async_callback(app.state.generator.close)
            app.state.progress = ProgressTracker(opened_store)
            app.state.assistant = RoadmapAssistant(
                opened_store, used_assistant, settings.answer_timeout_seconds
            )
            await resources.enter_async_context(
                _background(sweep_now_and_then(opened_store, settings.sweep_interval_seconds))
            )
            yield

    app = FastAPIOffline(
        title="Momentum-AI",
        version="0.1.0",
        description="Turns a learning goal into a roadmap of weeks, days and tasks, and keeps"
        " track of what is done.",
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's documented way
    # First those of event streams, which leave to the others who does not accept one.
    for streaming in (roadmaps, assistant_router):
        app.include_router(streaming.stream_router)
    for module in (health, roadmaps, progress, tasks, assistant_router):
        app.include_router(module.router)
    install_problem_handlers(app)
    app.add_middleware(RequestContextMiddleware, unexpected=unexpected_problem)
    # Added last, so outermost: every answer carries the CORS headers, errors included.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins or CORS_ORIGINS,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "Prefer",
            REQUEST_ID_HEADER,
        ],
        expose_headers=["Location", "Retry-After", roadmaps.PLANNER_HEADER, REQUEST_ID_HEADER],
    )
    return app


def _operation_id(route: APIRoute) -> str:
    # The function's name alone: clients generated from the description name their methods by it.
    return route.name


@asynccontextmanager
async def _background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def __getattr__(name: str) -> FastAPI:
    """Build `app` when a server asks for it: importing this module reads and opens nothing."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
    except SettingsError as error:
        raise SystemExit(f"Momentum-AI cannot start: {error}") from None
    configure_logging(settings.log_level, as_json=settings.in_production)
    app = create_app(settings)
    globals()["app"] = app
    return app
