"""Who may do what, on the services that people run, in both modes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest

from tests.support.authorization import try_cells
from tests.support.authorization_cells import ANA, FEW_ROUTES, all_cells, pairwise_cells, senders_of
from tests.support.authorized_services import Project, running_alone, running_project
from tests.support.data_plane import DataPlane
from tests.support.service import running_service

OPEN_ACCESS = "anyone who knows a user_id can act for that user"


@pytest.fixture(scope="module")
def project(
    session_data_plane: DataPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    session_data_plane.reset()
    with running_project(session_data_plane, tmp_path_factory.mktemp("project")) as project:
        yield project


@pytest.mark.long(60)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_authorization_matrix(project: Project, mode: str) -> None:
    """Optional: the service accepts or refuses a token, and never ignores it.

    Required: only liveness, the docs and preflights answer without a token. `make audit` tries
    every kind of bad token on every route.
    """
    findings = await try_cells(
        project.services[mode].url,
        project.backend,
        pairwise_cells(senders_of(project.mint, "ES256")),
        token_required=mode == "required",
    )
    assert findings.wrong == []
    assert findings.cells > 500
    assert {200, 401, 404, 422} <= findings.statuses.keys()
    assert mode == "required" or findings.statuses[403] > 0


@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
async def test_the_same_however_tokens_are_signed(
    project: Project, algorithm: Literal["RS256", "HS256"]
) -> None:
    """Also with the other published key, and with the secret that the service knows."""
    senders = senders_of(project.mint, algorithm)
    few = [
        cell
        for cell in all_cells(senders)
        if cell.sender_name in {"owner", "other", "wrong key"} and cell.route.name in FEW_ROUTES
    ]
    url = project.services["required"].url
    findings = await try_cells(url, project.backend, few, token_required=True)
    assert findings.wrong == []
    assert findings.statuses[200] > 5


def test_no_warning_on_the_embedded_file(tmp_path: Path) -> None:
    """There `optional` opens nothing to others; `make audit` tries the matrix on it."""
    with running_alone("optional", tmp_path) as alone:
        assert OPEN_ACCESS not in alone.services["optional"].log


def test_open_access_is_logged_once(project: Project) -> None:
    """The warning stands once in the log, not once per worker, and only where access is open."""
    assert project.services["optional"].log.count(OPEN_ACCESS) == 1
    assert "AUTH_MODE=required" in project.services["optional"].log
    assert OPEN_ACCESS not in project.services["required"].log


def test_open_access_is_logged_without_gunicorn_too(project: Project, tmp_path: Path) -> None:
    """A service of one process, as in development, warns, too."""
    with running_service("uvicorn", tmp_path, project.variables) as service:
        assert service.log.count(OPEN_ACCESS) == 1


@pytest.mark.parametrize("size", [60_000, 5_000_000])
def test_refusal_arrives_beside_a_body(project: Project, size: int) -> None:
    """A client that is still sending reads the 401, and no broken connection."""
    for _ in range(20):
        with httpx.Client(base_url=project.services["required"].url) as client:
            answer = client.post("/generate_roadmap", json={"goal": "x" * size})
            assert answer.status_code == 401


def test_secret_counts_only_where_it_is_set(project: Project) -> None:
    """Without the setting nobody becomes anonymous by a token of that kind, either."""
    headers = {"Authorization": f"Bearer {project.mint.hs256(ANA)}"}
    params = {"user_id": str(ANA)}
    statuses = [
        httpx.get(f"{service.url}/roadmaps", params=params, headers=headers).status_code
        for service in project.services.values()
    ]
    assert statuses == [401, 200]
