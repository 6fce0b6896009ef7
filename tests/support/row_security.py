"""Who may do what to which rows of a Supabase project, measured through its real PostgREST.

Each cell of the matrix is one command. What counts is what it did: whether the row was in the
answer, or whether any row of the database is another one afterwards; never its status.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.data_plane import DataPlane
from tests.support.secured_rows import (
    NOBODYS,
    OTHER,
    OWNER,
    PUBLISHED,
    RELATIONS,
    UNPUBLISHED,
    Relation,
    SecuredRows,
    secured_rows,
)

RIGHTS = """
rows         relation           anon  nameless  other  owner  service

published    roadmaps           ----  ----      ----   S--D   SIUD
published    roadmap_tasks      ----  ----      ----   S-U-   SIUD
published    roadmap_weeks      ----  ----      ----   S---   S---
published    goals              ----  ----      ----   SIUD   SIUD
published    tasks              ----  ----      ----   SIUD   SIUD
published    time_entries       ----  ----      ----   SIUD   SIUD
published    rules              ----  ----      ----   SIUD   SIUD
published    generations        ----  ----      ----   S---   SIUD
published    generation_events  ----  ----      ----   S---   SIUD
published    questions          ----  ----      ----   ----   SIUD
published    ledger             ----  ----      ----   ----   S---

unpublished  roadmaps           ----  ----      ----   ----   SIUD
unpublished  roadmap_tasks      ----  ----      ----   ----   SIUD
unpublished  roadmap_weeks      ----  ----      ----   ----   ----
unpublished  goals              ----  ----      ----   ----   SIUD
unpublished  tasks              ----  ----      ----   ----   SIUD
unpublished  time_entries       ----  ----      ----   ----   SIUD
unpublished  rules              ----  ----      ----   ----   SIUD
unpublished  generations        ----  ----      ----   S---   SIUD
unpublished  generation_events  ----  ----      ----   S---   SIUD

nobody's     goals              ----  ----      ----   ----   SIUD
nobody's     tasks              ----  ----      ----   ----   SIUD
nobody's     time_entries       ----  ----      ----   ----   SIUD
nobody's     rules              ----  ----      ----   ----   SIUD
nobody's     activity_logs      ----  ----      ----   ----   SIUD
"""
"""S, I, U, D: select, insert, update, delete. The rows are the owner's, the inserted one included.

`nameless` is a token without a subject. The last column shows that each request is a sound one,
which fails for want of a right alone.
"""

_NUMBERS = {"published": PUBLISHED, "unpublished": UNPUBLISHED, "nobody's": NOBODYS}


@dataclass(frozen=True)
class Matrix:
    """How many cells were measured, and a line for every caller who has not what `RIGHTS` says."""

    cells: int
    wrong: list[str]


def client_of(plane: DataPlane, caller: str) -> httpx.Client:
    """Return a client of PostgREST with the key of a caller in `RIGHTS`; its user closes it."""
    keys = {
        "anon": plane.key("anon"),
        "nameless": plane.key("authenticated"),
        "owner": plane.key("authenticated", sub=str(OWNER)),
        "other": plane.key("authenticated", sub=str(OTHER)),
        "service": plane.service_key,
    }
    headers = {"Authorization": f"Bearer {keys[caller]}"}
    return httpx.Client(base_url=plane.rest_url, headers=headers)


def measured_matrix(plane: DataPlane) -> Matrix:
    """Try every cell of `RIGHTS` on a project that has the product's schema; its rows are lost."""
    header, *lines = (line.split() for line in RIGHTS.splitlines() if line)
    cells, wrong = 0, []
    with ExitStack() as stack:
        rows = stack.enter_context(secured_rows(plane.database))
        clients = {caller: stack.enter_context(client_of(plane, caller)) for caller in header[2:]}
        for whose, name, *rights in lines:
            for (caller, client), expected in zip(clients.items(), rights, strict=True):
                found = "".join(_tried(client, rows, RELATIONS[name], _NUMBERS[whose]))
                cells += len(expected)
                if found != expected:
                    wrong.append(f"{whose} {name}: {caller} has {found} instead of {expected}")
    return Matrix(cells, wrong)


def _tried(
    client: httpx.Client, rows: SecuredRows, relation: Relation, number: int
) -> Iterator[str]:
    """Yield for each command its letter if it had an effect, else a hyphen."""
    path = f"/{relation.name}"
    key = relation.key_of(number)
    row = {relation.key: f"eq.{key}"}
    # The row by its name, and whatever comes without asking for anything in particular.
    answers = (client.get(path, params={**row, "select": relation.key}), client.get(path))
    seen = {found[relation.key] for answer in answers for found in _rows(answer)}
    yield "S" if key in seen else "-"
    for letter, request in {
        "I": client.build_request("POST", path, json=relation.new_row(number)),
        "U": client.build_request("PATCH", path, params=row, json=relation.change),
        "D": client.build_request("DELETE", path, params=row),
    }.items():
        client.send(request)
        yield letter if rows.changed() else "-"


def _rows(answer: httpx.Response) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer.json() if answer.is_success else []
    return rows
