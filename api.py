"""The composition root: opens the stores and models and builds the application."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic import SecretStr

from src.app_state import AppState, state_of
from src.dao import Store, open_store
from src.domain.errors import SettingsError, ShuttingDownError
from src.domain.quotas import QuotaSettings, follower_limits
from src.llm import Assistant, Planner, open_models
from src.routers import assistant as assistant_routes
from src.routers import exports as export_routes
from src.routers import generations, health, progress, roadmaps, schedules, tasks
from src.server.logs import configure_logging
from src.services.assistant.service import AssistantService
from src.services.generation.admission import GenerationAdmission
from src.services.generation.following import GenerationFollower
from src.services.generation.places import FollowerPlaces
from src.services.generation.recovery import GenerationRecovery
from src.services.generation.registry import RunRegistry
from src.services.progress.computing import Computing
from src.services.progress.exports.service import ExportService
from src.services.progress.feeds import CalendarFeeds
from src.services.progress.scheduling import SchedulingService
from src.services.progress.service import ProgressService
from src.services.readiness import Readiness
from src.services.roadmaps import RoadmapService
from src.settings import Settings
from src.startup import load_or_keep_settings, log_start
from src.web.authentication import AuthenticationMiddleware
from src.web.client_address import ClientKeys
from src.web.compression import CompressionMiddleware
from src.web.cors import ProblemCORSMiddleware
from src.web.http_semantics import HttpSemanticsMiddleware
from src.web.openapi import build_openapi
from src.web.problems import install_problem_handlers, internal_error_response, problem_response
from src.web.request_context import REQUEST_ID_HEADER, RequestContextMiddleware
from src.web.response_headers import ResponseHeadersMiddleware
from src.web.tokens import TokenVerifier

VERSION = "0.1.0"

CORS_ORIGINS = ("http://localhost:3000", "https://momentum-ai-frontend.vercel.app")
"""The frontend, in development and in production, unless the setting `CORS_ORIGINS` is set."""

CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    REQUEST_ID_HEADER,
)
CORS_RESPONSE_HEADERS = (
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    REQUEST_ID_HEADER,
    *generations.RESPONSE_HEADERS,
)

_ROUTERS = (
    health.router,
    export_routes.calendar_router,
    # The most frequent requests: routes are tried in turn.
    roadmaps.router,
    tasks.router,
    # Routes that match only some requests to a path come before those that match all.
    generations.stream_router,
    generations.async_router,
    assistant_routes.stream_router,
    generations.router,
    progress.router,
    schedules.router,
    export_routes.router,
    assistant_routes.router,
)


def create_app(
    settings: Settings,
    store: Store | None = None,
    planner: Planner | None = None,
    assistant: Assistant | None = None,
) -> FastAPI:
    """Build the application. The lifespan opens what is not passed, as the settings say.

    At its end it closes everything, including what was passed.
    """
    verifier = TokenVerifier(
        project_url=settings.supabase_url,
        secret=settings.supabase_jwt_secret,
        issuer=settings.supabase_jwt_issuer,
    )
    app = FastAPIOffline(
        title="Momentum-AI",
        version=VERSION,
        description="Turns a learning goal into a roadmap of weeks, days and tasks, and keeps"
        " track of what is done.",
        lifespan=partial(_lifespan, settings, verifier, store, planner, assistant),
        redirect_slashes=False,  # a redirect would name the host that the client claims
    )
    app.openapi = partial(build_openapi, app, token_required=settings.auth_mode == "required")  # type: ignore[method-assign]  # FastAPI's documented way
    # `include_router` would describe each route anew for each app, and match requests twice. The
    # documentation's routes, which are there already, come last, since routes are tried in turn.
    app.router.routes[:0] = [route for router in _ROUTERS for route in router.routes]
    install_problem_handlers(app)
    _add_middleware(app, settings, verifier)
    return app


def _add_middleware(app: FastAPI, settings: Settings, verifier: TokenVerifier) -> None:
    """Add the middleware, from the innermost to the outermost."""
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(HttpSemanticsMiddleware)
    app.add_middleware(
        AuthenticationMiddleware,
        verifier=verifier,
        token_required=settings.auth_mode == "required",
    )
    app.add_middleware(
        RequestContextMiddleware,
        internal_error=internal_error_response,
        shutdown_response=lambda: (
            problem_response(ShuttingDownError()) if state_of(app).runs.drain.has_begun else None
        ),
    )
    # Outside the two above, so that their responses carry the CORS headers, too.
    app.add_middleware(
        ProblemCORSMiddleware,
        allow_origins=settings.cors_origins or CORS_ORIGINS,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=(*CORS_REQUEST_HEADERS, *settings.cors_request_headers),
        expose_headers=CORS_RESPONSE_HEADERS,
    )
    app.add_middleware(ResponseHeadersMiddleware, behind_tls=settings.in_production)


@asynccontextmanager
async def _lifespan(  # noqa: PLR0917  `partial` passes them in this order
    settings: Settings,
    verifier: TokenVerifier,
    store: Store | None,
    planner: Planner | None,
    assistant: Assistant | None,
    app: FastAPI,
) -> AsyncIterator[None]:
    """Open what was not passed, build the app's state, and close everything at the end."""
    async with AsyncExitStack() as resources:
        resources.push_async_callback(verifier.close)
        store = store or await open_store(settings)
        resources.push_async_callback(store.close)
        if planner is None or assistant is None:
            opened_planner, opened_assistant = open_models(settings)
            planner, assistant = planner or opened_planner, assistant or opened_assistant
        resources.push_async_callback(planner.close)
        resources.push_async_callback(assistant.close)
        state = app.state.services = _build_state(settings, store, planner, assistant)
        resources.push_async_callback(state.computing.close)
        resources.push_async_callback(state.runs.close)
        resources.push_async_callback(state.assistant.close)
        sweeping = asyncio.create_task(
            state.recovery.sweep_periodically(settings.sweep_interval_seconds)
        )
        resources.push_async_callback(asyncio.wait, {sweeping})
        resources.callback(sweeping.cancel)
        yield


def _build_state(
    settings: Settings, store: Store, planner: Planner, assistant: Assistant
) -> AppState:
    quotas: QuotaSettings = settings
    if settings.openai_api_key is None:  # the offline models cost nothing
        free = {"reserved_dollars_per_week": 0.0, "reserved_dollars_per_question": 0.0}
        quotas = settings.model_copy(update=free)
    # The key to the database is the secret that all replicas of a service share.
    service_key = settings.supabase_service_role_key or SecretStr("embedded")
    runs = RunRegistry(
        store,
        planner,
        timeout_seconds=settings.generation_timeout_seconds,
        lease_seconds=settings.generation_lease_seconds,
    )
    computing = Computing()
    exports = ExportService(store.schedules, computing)
    return AppState(
        planner_name=planner.name,
        admission=GenerationAdmission(store.generations, runs, quotas),
        follower=GenerationFollower(
            store.generations,
            runs,
            FollowerPlaces(follower_limits(quotas)),
            timeout_seconds=settings.generation_timeout_seconds,
            patience_seconds=settings.generation_lease_seconds,
        ),
        recovery=GenerationRecovery(store.generations, runs),
        runs=runs,
        roadmaps=RoadmapService(store),
        progress=ProgressService(store.schedules, computing),
        scheduling=SchedulingService(store.schedules, computing),
        exports=exports,
        feeds=CalendarFeeds(store.schedules, exports),
        computing=computing,
        assistant=AssistantService(store, assistant, quotas, settings.answer_timeout_seconds),
        client_keys=ClientKeys(settings.proxy_header, service_key.get_secret_value().encode()),
        readiness=Readiness(store, planner.name),
        drain_seconds=settings.drain_seconds,
    )


def __getattr__(name: str) -> FastAPI:
    """Build `app` when a server imports it; importing this module alone reads nothing."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_or_keep_settings()
    except SettingsError as error:
        raise SystemExit(f"Momentum-AI cannot start: {error}") from None
    configure_logging(settings.log_level, as_json=settings.in_production)
    # Under Gunicorn, the master logs it once for all workers.
    if "gunicorn" not in os.environ.get("SERVER_SOFTWARE", ""):
        log_start(settings)
    app = create_app(settings)
    globals()["app"] = app
    return app
