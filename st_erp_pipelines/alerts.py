"""Whom to tell when runs fail: what ST_ERP_ALERT names.

`https://...` gets each alert by POST, as a JSON object of its members and of `text`, which is what incoming
webhooks of chat systems show. `package.module:function` is called with the Alert. It is looked up like a
credential (environment, secrets file), for a webhook's URL is one. `python -m st_erp_pipelines.alerts` tries it.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from typing import Literal

import httpx

from st_erp_pipelines import secrets_file

NAME = "ST_ERP_ALERT"
SECONDS = 5.0  # a tick has sixty
MOST = 10  # lines
What = Literal["failed", "still fails", "works again"]


@dataclass(frozen=True)
class Alert:
    """`steps` and `sentences` belong together, by position. "works again" has those steps that had failed before."""

    what: What
    connection: str
    job: str
    run_id: str
    steps: tuple[str, ...]
    sentences: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people: a line for each sentence, with the first step that said it."""
        by_sentence = dict(zip(reversed(self.sentences), reversed(self.steps), strict=False))
        lines = [f"Could not {step}: {sentence}" for sentence, step in reversed(by_sentence.items())]
        more = [f"... and {len(lines) - MOST} more"] if len(lines) > MOST else []
        return "\n".join([f"{self.connection} {self.what} (run {self.run_id})", *lines[:MOST], *more])


def named() -> str:
    """ "" where nobody is to be told."""
    return secrets_file.look_up(NAME)


def deliver(alert: Alert, to: str) -> str:
    """Why it could not be delivered, else "". Never raises, nor says anything of the URL, which is a secret."""
    try:
        if to.startswith(("https://", "http://")):
            body = asdict(alert) | {"text": alert.text}
            httpx.post(to, json=body, timeout=SECONDS).raise_for_status()
        else:
            module, _, function = to.partition(":")
            getattr(importlib.import_module(module), function)(alert)
    except httpx.HTTPStatusError as error:
        return f"the webhook answered HTTP {error.response.status_code}"
    except Exception as error:  # of whatever kind: an alert fails nothing
        return f"{NAME}: {type(error).__name__}"
    return ""


def main() -> int:
    if not (to := named()):
        print(f"{NAME} is not set: nobody would be told.")
        return 1
    sentence = "This is a trial; nothing has failed."
    refused = deliver(Alert("failed", "trial", "trial", "none", ("try the alert",), (sentence,)), to)
    print(f"Not delivered: {refused}." if refused else "Delivered.")
    return 1 if refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
