"""What a failed step says to people: which one, and a sentence that is fit to be read by anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from st_erp_pipelines.settings_systems import SYSTEMS

CHECKS = "nothing_in_quarantine|mappings_cover_everything|totals_reconcile|nothing_hangs_for_a_day"
SYSTEM = "|".join(SYSTEMS)


@dataclass(frozen=True)
class Failure:
    """`kind` is the class of the error, by its bare name."""

    step: str
    kind: str
    sentence: str


def failure_of(step: str, failed: Any) -> Failure:
    """What an asset says of its failure is fit for people; another exception may say anything: its kind is told."""
    said, error = failed.user_failure_data, failed.error
    if said is not None and said.description:
        kind = said.metadata.get("error")
        return Failure(step, str(kind.value) if kind else "StErpError", said.description)
    while error.cause is not None:
        error = error.cause
    return Failure(step, error.cls_name or "error", f"{error.cls_name}; the run's log in Dagster has its trace.")


def in_words(step: str, connection: str) -> str:
    """`northwind__staging__servicetitan__invoices` is: stage invoices of ServiceTitan."""
    name = step.removeprefix(f"{connection}__")
    if name == "staging__reconciliation":
        return "reconcile"
    for pattern, words in (
        (rf"\w+_({CHECKS})", "check {0}"),
        (r"staging__documents_(\w+)", "build {0}"),
        (rf"staging__({SYSTEM})__(\w+)", "stage {1} of {0}"),
        (rf"(?:{SYSTEM})__post_(\w+)", "post {0}"),
        (rf"({SYSTEM})__(\w+)", "read {1} of {0}"),
    ):  # fmt: skip
        if match := re.fullmatch(pattern, name):
            return words.format(*(SYSTEMS.get(part, part.replace("_", " ")) for part in match.groups()))
    return name.replace("__", " ").replace("_", " ")
