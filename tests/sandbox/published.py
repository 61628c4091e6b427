"""What the OpenAPI documents say of ServiceTitan's answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "servicetitan"
JSON_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


def published(module: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    document = json.loads((SPECS / f"{module}-v2.json").read_text())
    reply = document["paths"]["/tenant/{tenant}" + path]["get"]["responses"]["200"]
    envelope = reply["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schemas: dict[str, Any] = document["components"]["schemas"]
    return schemas[envelope]["properties"]["data"]["items"], schemas


def of_a_record(module: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same for a record by its id; its name in the path differs."""
    document = json.loads((SPECS / f"{module}-v2.json").read_text())
    head = "/tenant/{tenant}" + path.partition("{")[0] + "{"
    (known,) = (each for each in document["paths"] if each.startswith(head) and each.count("/") == path.count("/") + 2)
    return answer(module, known.removeprefix("/tenant/{tenant}"), "get", "200")


def answer(module: str, path: str, method: str, status: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of one answer, and all schemas."""
    document = json.loads((SPECS / f"{module}-v2.json").read_text())
    reply = document["paths"]["/tenant/{tenant}" + path][method]["responses"][status]
    return reply["content"]["application/json"]["schema"], document["components"]["schemas"]


def assert_published(value: Any, schema: dict[str, Any], schemas: dict[str, Any], where: str) -> None:
    """Names, types, words and what is required, at every depth; null is taken anywhere, as the live service
    sends it."""
    if "oneOf" in schema:
        schema = next((each for each in schema["oneOf"] if "$ref" in each), schema)
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if value is None:
        return
    if isinstance(value, dict):
        missing = {"modifiedOn"} if where.startswith("categories") else set()  # as seen on live tenants
        assert set(schema.get("required", ())) - missing <= set(value) <= set(schema["properties"]), where
        for name, member in value.items():
            assert_published(member, schema["properties"][name], schemas, f"{where}.{name}")
        return
    assert value in schema.get("enum", [value]), where
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    wanted = tuple(JSON_TYPES[kind] for kind in kinds if kind in JSON_TYPES)
    flat = tuple(each for kind in wanted for each in (kind if isinstance(kind, tuple) else (kind,)))
    assert not flat or (isinstance(value, flat) and (bool in flat or not isinstance(value, bool))), where
    if isinstance(value, list):
        for element in value:
            assert_published(element, schema["items"], schemas, where)
