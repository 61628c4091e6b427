"""ServiceTitan's OpenAPI documents: paths, methods, query parameters, headers, bodies and the token's form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from tests.specification import SPECS, Request, shown

Schema = dict[str, Any]

TOKEN = "/connect/token"
URL = re.compile(r"(?:/servicetitan/[0-9a-f]{32})?/(\w+)/v2(/.*)")  # each crash test has a name of its own before it
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, Decimal),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
FORMATS = {
    "guid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
}
TEXTS = {"integer": re.compile(r"-?\d+"), "number": re.compile(r"-?\d+(\.\d+)?"), "boolean": re.compile("true|false")}
MAXIMUM = re.compile(r"maximum (\d+)")  # of a comma list, in its description
SORTABLE = re.compile(r"[Ff]ields? ?(?:are)?: ([\w, ]+)")


class Operation:
    def __init__(self, said: Schema) -> None:
        self.by_place: dict[str, dict[str, Schema]] = {"path": {}, "query": {}}
        for parameter in said["parameters"]:
            self.by_place[parameter["in"]][parameter["name"]] = parameter
        self.content = said.get("requestBody", {}).get("content", {})
        self.security = said["security"][0]


class Api:
    """One module: accounting, crm, ..."""

    def __init__(self, document: Schema) -> None:
        self.schemas = document["components"]["schemas"]
        self.paths = {tuple(path.split("/")): methods for path, methods in document["paths"].items()}
        self.operations: dict[tuple[Any, str], Operation] = {}

    def operation(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | str:
        """With what the path says for its parameters; or why there is none."""
        parts = path.split("/")
        known = [template for template in self.paths if _fits(template, parts)]
        if not known:
            return "no such path"
        template = min(known, key=lambda each: sum(map(_is_parameter, each)))
        said = self.paths[template].get(method.lower())
        if not said:
            return f"{'/'.join(template)} has no {method}"
        if (template, method) not in self.operations:
            self.operations[template, method] = Operation(said)
        texts = {name[1:-1]: part for name, part in zip(template, parts, strict=True) if _is_parameter(name)}
        return self.operations[template, method], texts

    def text(self, text: str, schema: Schema, where: str) -> Iterator[str]:
        """A parameter's value, which came as text."""
        kind = str(schema.get("type"))
        if kind in TEXTS:
            if not TEXTS[kind].fullmatch(text):
                yield f"{where} is {shown(text)}, which is no {kind}"
        else:
            yield from self.value(text, schema, where)

    def value(self, value: Any, schema: Schema, where: str) -> Iterator[str]:
        if "$ref" in schema:
            yield from self.value(value, self.schemas[schema["$ref"].rpartition("/")[2]], where)
        if "oneOf" in schema:
            tried = [list(self.value(value, each, where)) for each in schema["oneOf"]]
            yield from tried[-1] if all(tried) else ()
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(_is_a(value, kind) for kind in kinds):
            yield f"{where} is {shown(value)}, which is no {' or '.join(kinds)}"
        elif value not in schema.get("enum", [value]):
            yield f"{where} is {shown(value)}, not one of {', '.join(map(str, schema['enum']))}"
        elif isinstance(value, str):
            yield from _string(value, schema, where)
        elif isinstance(value, list):
            for place, each in enumerate(value):
                yield from self.value(each, schema.get("items", {}), f"{where}[{place}]")
        elif isinstance(value, dict):
            yield from self.members(value, schema, where)

    def members(self, value: Schema, schema: Schema, where: str) -> Iterator[str]:
        properties = schema.get("properties", {})
        for name, member in value.items():
            if name in properties:
                yield from self.value(member, properties[name], f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{where} has no member {name!r}"
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{where} lacks the member {name!r}"


@cache
def api(module: str) -> Api | None:
    file = SPECS / "servicetitan" / f"{module}-v2.json"
    return Api(json.loads(file.read_bytes())) if file.exists() else None


def findings(request: Request) -> Iterator[str]:
    url = URL.fullmatch(request.path)
    module = api(url[1]) if url else None
    if url is None or module is None:
        yield "no such module"
        return
    found = module.operation(request.method, url[2])
    if isinstance(found, str):
        yield found
        return
    operation, texts = found
    for name, text in texts.items():
        yield from module.text(text, operation.by_place["path"][name]["schema"], f"{name} in the path")
    yield from _query(module, operation.by_place["query"], request)
    yield from _headers(operation, request)
    yield from _body(module, operation, request)


def token_findings(request: Request) -> Iterator[str]:
    """The flow `clientCredentials` of the documents' security scheme is RFC 6749's, whose fields these are."""
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    if request.method != "POST" or not request.has("application/x-www-form-urlencoded"):
        yield "a token is asked for by POST of a form"
    if form.get("grant_type") != "client_credentials":
        yield f"grant_type is {shown(form.get('grant_type'))}, not client_credentials"
    if missing := {"client_id", "client_secret"} - set(form):
        yield f"the form lacks {', '.join(sorted(missing))}"
    if unknown := set(form) - {"grant_type", "client_id", "client_secret", "scope"}:
        yield f"the form has no field {', '.join(sorted(unknown))}"


def _query(module: Api, parameters: dict[str, Schema], request: Request) -> Iterator[str]:
    given: dict[str, list[str]] = {}
    for name, text in request.asked(plus_is_blank=True):
        given.setdefault(name, []).append(text)
    for name, texts in given.items():
        if name not in parameters:
            yield f"no query parameter {name!r}"
            continue
        schema = parameters[name]["schema"]
        if schema.get("type") == "array":
            schema = schema["items"]
        elif len(texts) > 1:
            yield f"{name} is given {len(texts)} times"
        for text in texts:
            yield from module.text(text, schema, name)
            yield from _described(text, name, parameters[name].get("description", ""))
    for name, parameter in parameters.items():
        if parameter.get("required") and name not in given:
            yield f"the query lacks {name!r}"


def _described(text: str, name: str, description: str) -> Iterator[str]:
    """What the documents say of a parameter in words only."""
    most = MAXIMUM.search(description)
    if most and text.count(",") >= int(most[1]):
        yield f"{name} has {text.count(',') + 1} values, at most {most[1]} are allowed"
    if name == "sort":
        fields = SORTABLE.search(description)
        known = fields[1] if fields else text[1:]
        if text[:1] not in ("+", "-") or text[1:].lower() not in known.lower().split(", "):
            yield f"sort is {shown(text)}, not + or - and one of {known}"


def _headers(operation: Operation, request: Request) -> Iterator[str]:
    """What `apiKeyHeader` and `oauth` of the security schemes ask for; values are never told."""
    if "apiKeyHeader" in operation.security and not request.headers.get("st-app-key"):
        yield "the header ST-App-Key is missing"
    if "oauth" in operation.security and not request.headers.get("authorization", "").startswith("Bearer "):
        yield "there is no bearer token"


def _body(module: Api, operation: Operation, request: Request) -> Iterator[str]:
    if not operation.content:
        if request.body:
            yield "it takes no body"
        return
    if not any(request.has(kind) for kind in operation.content):
        yield f"the body is {request.headers.get('content-type')}, not {' or '.join(operation.content)}"
        return
    body = json.loads(request.body, parse_float=Decimal)
    yield from module.value(body, operation.content["application/json"]["schema"], "body")


def _fits(template: tuple[str, ...], parts: list[str]) -> bool:
    return len(template) == len(parts) and all(
        name == part or _is_parameter(name) for name, part in zip(template, parts, strict=True)
    )


def _is_parameter(name: str) -> bool:
    return name.startswith("{")


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _string(value: str, schema: Schema, where: str) -> Iterator[str]:
    kind = schema.get("format", "")
    if kind in FORMATS and not FORMATS[kind].fullmatch(value):
        yield f"{where} is {shown(value)}, which is no {kind}"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{where} has {len(value)} characters, at most {schema['maxLength']} are kept"
    if len(value) < schema.get("minLength", 0):
        yield f"{where} has {len(value)} characters, at least {schema['minLength']} are asked for"
