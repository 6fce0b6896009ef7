"""The API's description, with the problem document among its schemas."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from src.models import Problem


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once per app."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        # FastAPI knows only schemas of JSON answers; problems have a media type of their own.
        _, problem = models_json_schema(
            [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
        )
        document["components"]["schemas"].update(problem["$defs"])
        app.openapi_schema = document
    return app.openapi_schema
