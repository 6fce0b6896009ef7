"""The two kinds of routers: those whose routes act for a user, and those that are for everybody."""

from functools import partial

from fastapi import APIRouter, Depends

from src.routers.dependencies import find_acting_user

public_router = partial(
    APIRouter,
    # Clients that are generated from OpenAPI name their methods by it.
    generate_unique_id_function=lambda route: route.name,
)
user_router = partial(public_router, dependencies=[Depends(find_acting_user)])
"""No route of it can forget whose request it is."""
