"""The demo as a newcomer runs it: one command, in a process of its own, and what it says to try next."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from st_erp_pipelines.commands import demo
from st_erp_pipelines.sandbox import credentials

# What becomes of documents after they were posted.
LATER = (
    r"Items of the ERP as materials and services.*: .*[1-9]\d* posted",
    r"Posted 1 item in",  # whose price rose
    r"Changed at its source after it was posted: [\d.]+ then, [\d.]+ now\.",
    r"apply +STA-\d+ .* 150\.00",
    r"ST-A-INV-(\d+)-R1 +invoice +posted .*\n.*ST-A-INV-\1-V +invoice reversal +posted",
    r"\$ st-erp accept (ST-A-INV-\d+) PS-INV\d+\n\1 is PS-INV\d+: adopted\.\n\n\$ st-erp audit \1",
    r"Both systems together were asked to change 0 records\.",
)
EXACTLY = r"\d\d exceptions on the way: exactly those that were planted\."
SECOND = r"SAP Business One.*\nPosted \d+ customers, .*\nNothing was posted in .*\n.*asked to change 0 records\."
THIRD = (
    r"buys in SAP S/4HANA.*\nPosted \d+ cost centers, \d+ vendors, \d+ suppliers, \d+ purchase orders .*"
    r"supplier invoices.*\n(\w+ +\d+ +[\d,.]+\n)+.*\nNothing was posted in .*\n.*asked to change 0 records\."
)
ST_ERP = (sys.executable, "-c", "from st_erp_pipelines.cli import app; app()")
QUICK_ST_ERP = (sys.executable, "-m", "tests.quick_dagster")


def st_erp(folder: Path, *words: str, command: tuple[str, ...] = ST_ERP) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([*command, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert "Traceback" not in done.stderr, done.stderr
    assert credentials.BUSINESS_CENTRAL_CLIENT_SECRET not in done.stdout + done.stderr
    return done


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/_control/health").is_success
    except httpx.TransportError:
        return False


def test_without_a_demo_there_is_nothing_to_stop_or_to_open(tmp_path: Path) -> None:
    for option in ("--stop", "--ui"):
        done = st_erp(tmp_path, "demo", option)
        assert done.returncode == 2
        assert "`st-erp demo` makes one" in done.stderr


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine").touch()
    done = st_erp(tmp_path, "demo", "--folder", ".")
    assert done.returncode == 2
    assert (tmp_path / "home" / "mine").exists()


def test_tables_that_somebody_edited_are_kept(tmp_path: Path) -> None:
    def make(text: str) -> None:
        (tmp_path / "mappings").mkdir()
        (tmp_path / "mappings" / "accounts.csv").write_text(text)

    (tmp_path / "demo.json").write_text('{"sandboxes": [{"ports": [9], "pid": 0}]}')
    for edited, kept in (("as made", []), ("edited", ["mappings.bak"]), ("again", ["mappings.bak", "mappings.bak1"])):
        make(edited)
        old = demo._clear(tmp_path)
        make("as made")
        demo._keep_if_edited(old, tmp_path / "mappings")
        assert sorted(path.name for path in tmp_path.glob("mappings.*")) == kept
        shutil.rmtree(tmp_path / "mappings")
    assert (tmp_path / "mappings.bak" / "accounts.csv").read_text() == "edited"


@pytest.mark.slow(90)
def test_the_demo_and_what_it_says_to_try_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ST_ERP_DATABASE_URL", f"sqlite:///{tmp_path / 'a_site_of_its_own.sqlite'}")
    done = st_erp(tmp_path, "demo", "--days", "7", "--scale", "0.01", "--speed", "60", command=QUICK_ST_ERP)
    facts = json.loads((tmp_path / ".st_erp/demo/demo.json").read_text())
    ports = [port for sandbox in facts["sandboxes"] for port in sandbox["ports"]]
    try:
        assert done.returncode == 0, done.stderr
        assert "at 60 times the vendors' limits" in done.stdout
        assert "stands in the ERP as PS-INV" in done.stdout
        assert "business_central|" not in done.stdout
        for said in LATER:
            assert re.search(said, done.stdout), said
        assert len(re.findall(EXACTLY, done.stdout)) == 4, done.stderr  # of the third company before and after
        assert re.search(SECOND, done.stdout, re.DOTALL)
        assert re.search(THIRD, done.stdout, re.DOTALL)
        taken = st_erp(tmp_path, "demo", "--ui", "--port", str(ports[0]))
        assert taken.returncode == 2
        assert "is taken" in taken.stderr
        next_words = [line.split("  ")[1].split() for line in done.stdout.splitlines() if line.startswith("  st-erp ")]
        audit = next(words[1:] for words in next_words if "audit" in words)
        assert "What happened" in st_erp(tmp_path, *audit).stdout
        env = ("--env", ".st_erp/demo/demo.env")
        status = st_erp(tmp_path, *env, "status")
        assert status.returncode == 1
        companies = r"^northwind_hvac\n.*^lakeside_hvac\n.*ST-B-INV-.*^harbor_plumbing\n.*ST-C-PO-"
        assert re.search(companies, status.stdout, re.DOTALL | re.MULTILINE)
        assert st_erp(tmp_path, "status").returncode == 2, "the demo is not the site"
        assert not (tmp_path / "a_site_of_its_own.sqlite").exists()
        shipped = tmp_path / ".st_erp/demo/home/dagster/dagster.yaml"
        assert "tag_concurrency_limits" in shipped.read_text("utf-8")
        assert all(answers(port) for port in ports)
    finally:
        stopped = st_erp(tmp_path, "demo", "--stop")
    assert "has ended" in stopped.stdout
    until = time.monotonic() + 20
    while any(answers(port) for port in ports) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(answers(port) for port in ports)
    ended = st_erp(tmp_path, *env, "sync")
    assert ended.returncode == 3
    assert "The demo's sandbox is not running" in ended.stderr
    assert "was not running" in st_erp(tmp_path, "demo", "--stop").stdout
