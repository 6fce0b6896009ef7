"""What a store has, as values: the documents that it writes for clients, parsed."""

from uuid import UUID

from pydantic import TypeAdapter

from src.dao import Store
from src.domain.errors import WeekNotFoundError
from src.domain.roadmap import Roadmap, Task, WeekDetail, WeekProgress
from src.routers.bodies import RoadmapTasks

_ROADMAPS = TypeAdapter(list[Roadmap])
_WEEKS = TypeAdapter(list[WeekProgress])


async def list_roadmaps(store: Store, user_id: UUID) -> list[Roadmap]:
    return _ROADMAPS.validate_json(await store.documents.list_roadmaps(user_id))


async def get_roadmap(store: Store, roadmap_id: int, user_id: UUID | None = None) -> Roadmap:
    return (await store.get_roadmap_with_tasks(roadmap_id, user_id)).roadmap


async def list_tasks(
    store: Store, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
) -> list[Task]:
    """Return the tasks of a roadmap, or those of one of its weeks; none if it lacks that week."""
    if week_number is None:
        document = await store.documents.list_tasks(roadmap_id, user_id)
        return RoadmapTasks.model_validate_json(document).tasks
    try:
        document = await store.documents.get_week(roadmap_id, week_number, user_id)
    except WeekNotFoundError:
        return []
    return [task for day in WeekDetail.model_validate_json(document).days.values() for task in day]


async def list_weeks(
    store: Store, roadmap_id: int, user_id: UUID | None = None
) -> list[WeekProgress]:
    return _WEEKS.validate_json(await store.documents.list_weeks(roadmap_id, user_id))
