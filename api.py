"""The composition root: builds the real stores and models, and mounts the routers."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from src.dao import Store, open_store
from src.domain.errors import SettingsError, ShuttingDownError
from src.llm import Assistant, Planner, open_models
from src.routers import assistant as assistant_router
from src.routers import generations, health, roadmaps, tasks
from src.server.logs import configure_logging
from src.services.assistant.roadmap_assistant import RoadmapAssistant
from src.services.generation.recovery import sweep_now_and_then
from src.services.generation.roadmap_generator import RoadmapGenerator
from src.services.quotas import allowances_of
from src.services.roadmaps import ProgressTracker
from src.settings import Settings, load_settings
from src.web.authentication import AuthenticationMiddleware
from src.web.client_address import ClientIdentifier
from src.web.openapi import describe
from src.web.problems import answer_to, install_problem_handlers, unexpected_problem
from src.web.request_context import HEADER as REQUEST_ID_HEADER
from src.web.request_context import RequestContextMiddleware
from src.web.response_headers import ResponseHeadersMiddleware
from src.web.tokens import TokenVerifier

logger = logging.getLogger(__name__)

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

            allowances = allowances_of(settings)
            app.state.generator = RoadmapGenerator(
                opened_store,
                used_planner,
                allowances,
                timeout_seconds=settings.generation_timeout_seconds,
                lease_seconds=settings.generation_lease_seconds,
            )
            resources.push_async_callback(app.state.generator.close)
            app.state.verifier = TokenVerifier(
                project_url=settings.supabase_url,
                secret=settings.supabase_jwt_secret,
            )
            resources.push_async_callback(app.state.verifier.close)
            app.state.progress = ProgressTracker(opened_store)
            app.state.assistant = RoadmapAssistant(
                opened_store, used_assistant, allowances, settings.answer_timeout_seconds
            )
            resources.push_async_callback(app.state.assistant.close)
            app.state.clients = ClientIdentifier(settings.proxy_header, _key_of(settings))

            # For the server, when it is told to end.
            leaving = (app.state.generator, app.state.assistant)

            def leave() -> None:
                for service in leaving:
                    service.leave(settings.drain_seconds)

            app.state.leave = leave
            app.state.is_busy = lambda: any(service.is_busy for service in leaving)
            await resources.enter_async_context(
                _background(
                    sweep_now_and_then(app.state.generator, settings.sweep_interval_seconds)
                )
            )
            yield

    app = FastAPIOffline(
        title="Momentum-AI",
        version="0.1.0",
        description="Turns a learning goal into a roadmap of weeks, days and tasks, and keeps"
        " track of what is done.",
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would name the host that the client claims
        generate_unique_id_function=_operation_id,
    )
    app.openapi = partial(describe, app, token_required=settings.auth_mode == "required")  # type: ignore[method-assign]  # FastAPI's documented way
    # First those of special answers, which leave to the others who does not ask for one.
    app.include_router(generations.stream_router)
    app.include_router(generations.async_router)
    app.include_router(assistant_router.stream_router)
    for module in (health, roadmaps, generations, tasks, assistant_router):
        app.include_router(module.router)
    install_problem_handlers(app)
    app.add_middleware(
        AuthenticationMiddleware,
        is_required=settings.auth_mode == "required",
        refusal=answer_to,
    )
    app.add_middleware(
        RequestContextMiddleware,
        unexpected=unexpected_problem,
        ended=lambda: answer_to(ShuttingDownError()) if app.state.generator.is_leaving else None,
    )
    # Added after those, so around them: every answer carries the CORS headers, errors included.
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
        expose_headers=[
            "Location",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            generations.PLANNER_HEADER,
            generations.PREFERENCE_HEADER,
            generations.REPLAYED_HEADER,
            "WWW-Authenticate",
            REQUEST_ID_HEADER,
        ],
    )
    app.add_middleware(ResponseHeadersMiddleware, behind_tls=settings.in_production)
    return app


def _operation_id(route: APIRoute) -> str:
    # The function's name alone: clients generated from the description name their methods by it.
    return route.name


def _key_of(settings: Settings) -> bytes:
    # All replicas of a service share its key to the database, and nobody else knows it.
    key = settings.supabase_service_role_key
    return key.get_secret_value().encode() if key else b"embedded"


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
    # Gunicorn's master has told it once for all its workers.
    if settings.open_door and "gunicorn" not in os.environ.get("SERVER_SOFTWARE", ""):
        logger.warning(settings.open_door)
    app = create_app(settings)
    globals()["app"] = app
    return app
