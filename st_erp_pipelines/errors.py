"""One tree of errors, split by what the caller can do.

    StErpError
    ├── ConfigurationError   a person must change a setting; never retried
    ├── Unavailable          nothing was done over there; the same request may go out again later
    ├── Rejected             the other side understood and said no
    ├── InDoubt              the request may or may not have taken effect; only a look-up can tell
    └── FenceClosed          somebody paused it, or another process writes there now; what is left stays due

Each carries the facts and composes its own sentence. No secret, query string or document body may be
given to any of these fields.
"""

from __future__ import annotations


class StErpError(Exception):
    """What happened, to which document, and what to do about it."""

    def __init__(
        self,
        text: str,
        *,
        system: str = "",
        operation: str = "",
        document: str = "",
        status: int | None = None,
        code: str = "",
        correlation_id: str = "",
        fix: str = "",
        wait_seconds: float | None = None,
    ) -> None:
        self.text = text
        self.system = system
        self.operation = operation
        self.document = document
        self.status = status
        self.code = code
        self.correlation_id = correlation_id
        self.fix = fix
        self.wait_seconds = wait_seconds
        super().__init__(self.sentence())

    def sentence(self) -> str:
        where = " ".join(part for part in (self.system, self.operation, self.document) if part)
        facts = ", ".join(
            part
            for part in (
                f"HTTP {self.status}" if self.status else "",
                self.code,
                f"correlation {self.correlation_id}" if self.correlation_id else "",
            )
            if part
        )
        said = f"{where}: {self.text}" if where else self.text
        said = f"{said} ({facts})" if facts else said
        ends = "" if said.endswith((".", "!", "?")) else "."
        return f"{said}{ends} {self.fix}" if self.fix else said


class ConfigurationError(StErpError):
    pass


class Unavailable(StErpError):
    pass


class Rejected(StErpError):
    """`cause` groups refusals of one kind: the brakes and the daily retry count by it.

    `retry_daily`: fixed over there, so worth asking again tomorrow (closed period, blocked account).
    `date_bound`: a refusal that holds for the posting date, not for everything (closed period).
    """

    def __init__(
        self,
        text: str,
        *,
        cause: str = "",
        retry_daily: bool = False,
        date_bound: bool = False,
        **facts: object,
    ) -> None:
        super().__init__(text, **facts)  # type: ignore[arg-type]
        self.cause = cause or self.code or text
        self.retry_daily = retry_daily
        self.date_bound = date_bound


class InDoubt(StErpError):
    pass


class FenceClosed(StErpError):
    pass
