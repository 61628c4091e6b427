"""How Service Layer writes JSON and errors, in OData V4 (/b1s/v2) and V3 (/b1s/v1)."""

from __future__ import annotations

from typing import Any

import simplejson

from st_erp_pipelines.sandbox.odata import ODataError, Row


def json_text(payload: Any) -> str:
    """With exact decimals; a text as it is ($count)."""
    if isinstance(payload, str):
        return payload
    return simplejson.dumps(payload, use_decimal=True, separators=(",", ":"), ensure_ascii=False)


def json_type(*, v1: bool) -> str:
    return f"application/json;odata{'=minimalmetadata' if v1 else '.metadata=minimal'};charset=utf-8"


def version_header(*, v1: bool) -> dict[str, str]:
    return {"DataServiceVersion": "3.0"} if v1 else {"OData-Version": "4.0"}


def error_body(error: ODataError, *, v1: bool) -> Row:
    """V3: a number and an object; V4: two texts."""
    if v1:
        message = {"lang": "en-us", "value": error.message}
        return {"error": {"code": int(error.code), "message": message}}
    return {"error": {"code": error.code, "message": error.message}}
