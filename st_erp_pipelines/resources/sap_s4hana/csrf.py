"""The handshake before writes: a token, and the cookies of the session that it was given in; both go with each write.

A session lasts about half an hour without a request. What is sent with an old token is refused before anything is
executed (403, `x-csrf-token: Required`), so that write may go out again with a new one.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.resources.http import Api
from st_erp_pipelines.resources.sap_s4hana.replies import SYSTEM, explain

OPERATION = "fetch a CSRF token"
ANSWERS = (200, 403, 404, 405)  # the token comes with a refusal, too


class Handshakes:
    """One for each service, kept until it is refused. Thread-safe: two that are made at once both hold."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._made: dict[str, Mapping[str, str]] = {}

    def headers(self, service_url: str) -> Mapping[str, str]:
        if service_url not in self._made:
            self._made[service_url] = self._fetch(service_url)
        return self._made[service_url]

    def drop(self, service_url: str, refused: Mapping[str, str]) -> None:
        if self._made.get(service_url) is refused:  # another thread may have made a new one meanwhile
            del self._made[service_url]

    def _fetch(self, service_url: str) -> Mapping[str, str]:
        asked = {"x-csrf-token": "Fetch", "Accept": "application/json"}
        response = self._api.read("GET", service_url, operation=OPERATION, headers=asked, ok=ANSWERS)
        token = response.headers.get("x-csrf-token", "")
        if response.status_code != 200 and token.lower() in ("", "required"):
            raise explain(response, OPERATION)
        if not token:
            raise Unavailable("the service gives no token", system=SYSTEM, operation=OPERATION)
        return {"x-csrf-token": token, "Cookie": _cookies(response)}


def _cookies(response: httpx.Response) -> str:
    """Those that went there, and those that came back instead: a session that is known already is not named again."""
    sent = response.request.headers.get("cookie", "").split("; ")
    came = [each.partition(";")[0].strip() for each in response.headers.get_list("set-cookie")]
    return "; ".join({each.partition("=")[0]: each for each in (*sent, *came) if each}.values())
