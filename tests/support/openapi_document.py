"""The committed OpenAPI document, `docs/openapi.json`, and what would break its clients.

`make openapi` writes it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api import create_app
from src.settings import Settings

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs/openapi.json"

Json = Any


def current_document() -> Json:
    """Return the document of this code as JSON has it, without a setting from the environment."""
    with TemporaryDirectory() as directory:
        settings = Settings.model_construct(sqlite_path=Path(directory) / "momentum.db")
        return json.loads(json.dumps(create_app(settings).openapi()))


def committed_document() -> Json:
    return json.loads(PATH.read_text())


def breaking_changes(old: Json, new: Json) -> Iterator[str]:
    """Yield what a client that was written for the old document could trip over.

    Responses may gain members, and requests may gain optional ones; nothing else may change in what
    either allows.
    """
    for path, operations in old["paths"].items():
        for method, operation in operations.items():
            where = f"{method.upper()} {path}"
            found = new["paths"].get(path, {}).get(method)
            if found is None:
                yield f"{where} is gone"
                continue
            yield from _parameter_changes(where, operation, found)
            yield from _body_changes(where, (old, operation), (new, found))
            yield from _response_changes(where, (old, operation), (new, found))


def _parameter_changes(where: str, old: Json, new: Json) -> Iterator[str]:
    before = {(each["in"], each["name"]): each for each in old.get("parameters", ())}
    after = {(each["in"], each["name"]): each for each in new.get("parameters", ())}
    for key in before.keys() - after.keys():
        yield f"{where}: the parameter {key[1]} is gone"
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{where}: the parameter {key[1]} is required now"


def _body_changes(where: str, old: tuple[Json, Json], new: tuple[Json, Json]) -> Iterator[str]:
    before, after = (_schemas(*each, "requestBody") for each in (old, new))
    for media, schema in before.items():
        if media not in after:
            yield f"{where}: bodies in {media} are no longer accepted"
            continue
        properties, required = schema.get("properties", {}), schema.get("required", ())
        for name in properties.keys() - after[media].get("properties", {}).keys():
            yield f"{where}: {name} is gone from the body"
        for name in set(after[media].get("required", ())) - set(required):
            yield f"{where}: {name} is required in the body now"
        yield from _type_changes(f"{where}: in the body,", properties, after[media])


def _response_changes(where: str, old: tuple[Json, Json], new: tuple[Json, Json]) -> Iterator[str]:
    for status, response in old[1]["responses"].items():
        found = new[1]["responses"].get(status)
        if found is None:
            if status.startswith("2"):
                yield f"{where}: the answer {status} is gone"
            continue
        before, after = _content(old[0], response), _content(new[0], found)
        for media, schema in before.items():
            if media not in after:
                yield f"{where}: the answer {status} is no longer in {media}"
                continue
            properties = schema.get("properties", {})
            for name in properties.keys() - after[media].get("properties", {}).keys():
                yield f"{where}: {name} is gone from the answer {status}"
            for name in set(schema.get("required", ())) - set(after[media].get("required", ())):
                yield f"{where}: {name} may be missing in the answer {status} now"
            yield from _type_changes(f"{where}: in the answer {status},", properties, after[media])


def _type_changes(where: str, properties: Json, schema: Json) -> Iterator[str]:
    for name, old in properties.items():
        new = schema.get("properties", {}).get(name, old)
        if {key: old.get(key) for key in _KINDS} != {key: new.get(key) for key in _KINDS}:
            yield f"{where} {name} has another type"


_KINDS = ("type", "format", "enum", "const", "anyOf", "$ref")


def _schemas(document: Json, operation: Json, key: str) -> dict[str, Json]:
    return _content(document, operation.get(key, {}))


def _content(document: Json, holder: Json) -> dict[str, Json]:
    """Return the schema of each media type, that of its items if it is a list."""
    found = {}
    for media, content in holder.get("content", {}).items():
        schema = _resolve(document, content.get("schema", {}))
        found[media] = _resolve(document, schema["items"]) if "items" in schema else schema
    return found


def _resolve(document: Json, schema: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def main(arguments: list[str]) -> None:
    """Write the document; refuse if it would break clients, unless `--breaking` is given."""
    document = current_document()
    changes = list(breaking_changes(committed_document(), document)) if PATH.exists() else []
    if changes and "--breaking" not in arguments:
        sys.exit("\n  ".join(["clients would break (if that is meant: --breaking)", *changes]))
    PATH.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
