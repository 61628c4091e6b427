"""A client of the sandbox's ServiceTitan for tests, and what they check of its answers."""

from __future__ import annotations

from typing import Any

import httpx

from st_erp_pipelines.sandbox.servicetitan import servicetitan_app

LOGIN = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "mine"}


def tenant(books: dict[str, list[dict[str, Any]]], **options: Any) -> Any:
    """Tenant 7 with these books."""
    credentials: dict[str, Any] = {"client_id": "me", "client_secret": "mine", "app_key": "key"}
    return servicetitan_app(books, tenant_id=7, **credentials, **options)


def named(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Name {number}"}


def at(day: int, time_of_day: str = "00:00:00Z") -> str:
    return f"2026-03-{day:02}T{time_of_day}"


def logged_in(url: str) -> httpx.Client:
    token = httpx.post(f"{url}/connect/token", data=LOGIN).json()["access_token"]
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}", "ST-App-Key": "key"})


def ids(reply: httpx.Response) -> list[int]:
    assert reply.status_code == 200, reply.text
    return [record["id"] for record in reply.json()["data"]]


def assert_problem(reply: httpx.Response, status: int, *fields: str) -> None:
    body = reply.json()
    assert (reply.status_code, body["status"]) == (status, status)
    assert list(body) == ["type", "title", "status", "traceId", "errors", "data"]
    assert sorted(body["errors"]) == sorted(fields)


def stored(api: httpx.Client, entity: str, key: int) -> dict[str, Any]:
    rows = api.get(f"/_control/servicetitan/records/{entity}").json()
    found: dict[str, Any] = next(row for row in rows if row["id"] == key)
    return found


def control(api: httpx.Client, action: str, **body: Any) -> httpx.Response:
    return api.post(f"/_control/servicetitan/{action}", json=body)
