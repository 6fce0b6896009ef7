"""The state of a running application: one typed value, built in the lifespan."""

from dataclasses import dataclass
from typing import cast

from starlette.applications import Starlette

from src.services.assistant.service import AssistantService
from src.services.generation.admission import GenerationAdmission
from src.services.generation.following import GenerationFollower
from src.services.generation.recovery import GenerationRecovery
from src.services.generation.registry import RunRegistry
from src.services.progress.computing import Computing
from src.services.progress.exports.service import ExportService
from src.services.progress.feeds import CalendarFeeds
from src.services.progress.scheduling import SchedulingService
from src.services.progress.service import ProgressService
from src.services.readiness import Readiness
from src.services.roadmaps import RoadmapService
from src.web.client_address import ClientKeys


@dataclass(frozen=True)
class AppState:
    """The services of one process, for its routes."""

    planner_name: str
    """`offline` or `openrouter`."""
    admission: GenerationAdmission
    follower: GenerationFollower
    recovery: GenerationRecovery
    runs: RunRegistry
    roadmaps: RoadmapService
    progress: ProgressService
    scheduling: SchedulingService
    exports: ExportService
    feeds: CalendarFeeds
    computing: Computing
    assistant: AssistantService
    client_keys: ClientKeys
    readiness: Readiness
    drain_seconds: float

    @property
    def is_busy(self) -> bool:
        """Whether a roadmap is being generated here, or a question answered."""
        return self.runs.is_busy or self.assistant.is_busy

    def begin_drain(self) -> None:
        """Start nothing new, and stop what still runs after `drain_seconds`."""
        self.runs.begin_drain(self.drain_seconds)
        self.assistant.begin_drain(self.drain_seconds)


def state_of(app: Starlette) -> AppState:
    """Return the state of an application whose lifespan has started."""
    return cast("AppState", app.state.services)
