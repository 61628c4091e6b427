"""One session for all threads and processes; what it costs when it ends, and what it must not cost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from cryptography.fernet import Fernet

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.outbox.migrate import bring_up_to_date
from st_erp_pipelines.resources.credential_cache import MemoryCache
from st_erp_pipelines.resources.sap_business_one import BusinessOne, connect
from st_erp_pipelines.sandbox.faults import Faults
from tests.resources.business_central.conftest import Secret
from tests.resources.sap_business_one.conftest import Person, client_of, new_key, settings_for
from tests.resources.wire import AnyPace


class MovedClock(SystemClock):
    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class SharedMemory(MemoryCache):
    is_shared = True


def logins(faults: Faults) -> list[int | None]:
    return [entry["status"] for entry in faults.log if entry["path"].endswith("/Login")]


def read(client: BusinessOne) -> list[Any]:
    return client.rows("Projects", key="Code", operation="list projects")


@contextmanager
def counted(faults: Faults, statuses: list[int | None]) -> Iterator[None]:
    before = len(logins(faults))
    yield
    assert logins(faults)[before:] == statuses


def test_all_threads_share_one_session_that_ends_with_its_client(url: str, person: Person, faults: Faults) -> None:
    seats = person.total("sessions")
    with counted(faults, [200]), client_of(url) as client:
        threads = [threading.Thread(target=read, args=(client,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert person.total("sessions") == seats + 1
    assert person.total("sessions") == seats


def test_a_session_that_ended_early_costs_a_read_one_login(url: str, person: Person, faults: Faults) -> None:
    with client_of(url) as client:
        read(client)
        person.does("set", expire_sessions=True)
        with counted(faults, [200]):
            read(client)


def test_a_write_is_not_sent_again_after_a_session_ended(url: str, person: Person, faults: Faults) -> None:
    key = new_key()
    body = {"CardCode": "STA1", "DocType": "dDocument_Service", "NumAtCard": key, "DocumentLines": []}
    with client_of(url) as client:
        read(client)
        person.does("set", expire_sessions=True)
        with counted(faults, []), pytest.raises(Unavailable, match="nothing was executed"):
            client.post("Invoices", operation="post invoice", document=key, body=body, names="DocEntry")
        posts = [entry for entry in faults.log if entry["method"] == "POST" and entry["path"].endswith("/Invoices")]
        assert len(posts) == 1
        with counted(faults, [200]):
            read(client)


def test_who_comes_later_takes_the_session_that_is_there(url: str, person: Person, faults: Faults) -> None:
    cache = SharedMemory()
    with counted(faults, [200]), client_of(url, cache) as first, client_of(url, cache) as second:
        read(first)
        read(second)
    with counted(faults, []), client_of(url, cache) as third:  # nobody logged out
        read(third)
    with counted(faults, [200, 401]), client_of(url, cache) as first, client_of(url, cache) as second:
        person.does("set", expire_sessions=True)
        read(first)
        read(second)  # finds what the first one got
        with client_of(url, cache, password=Secret("wrong")) as other, pytest.raises(ConfigurationError):
            read(other)  # the session of others does not hide that
        first.log_out()


def test_of_two_who_log_in_at_once_one_gives_its_seat_back(url: str, person: Person, faults: Faults) -> None:
    cache, seats = SharedMemory(), person.total("sessions")
    faults.add("latency", path_contains="/Login", seconds=100, times=2)  # so that both are under way
    with counted(faults, [200, 200]), client_of(url, cache) as first, client_of(url, cache) as second:
        other = threading.Thread(target=read, args=(second,))
        other.start()
        read(first)
        other.join()
        assert person.total("sessions") == seats + 1
        first.log_out()
    assert person.total("sessions") == seats


def test_idle_for_too_long_it_is_renewed_before_it_is_refused(url: str, faults: Faults) -> None:
    clock, cache = MovedClock(), SharedMemory()
    client = connect(settings_for(url), pace=AnyPace(), clock=clock, cache=cache)
    with counted(faults, [200, 200]):
        read(client)
        for _ in range(3):
            clock.ahead += timedelta(minutes=20)  # each request makes it last 30 minutes more
            read(client)
        later = connect(settings_for(url), pace=AnyPace(), clock=clock, cache=cache)
        read(later)  # was told how long it lasts by now
        later.close()
        clock.ahead += timedelta(minutes=30)
        read(client)
    assert all(entry["status"] != 401 for entry in faults.log[-3:])
    client.log_out()
    client.close()


def test_a_broken_node_is_left_after_some_failures(url: str, person: Person, faults: Faults) -> None:
    with client_of(url) as client:
        read(client)
        faults.add("http_500_before", method="GET", path_contains="/Projects", times=3)
        clock = client.clock
        clock.sleep = lambda seconds: None  # type: ignore[method-assign]
        with counted(faults, [200]):
            read(client)


def test_a_wrong_password_is_asked_once(url: str, faults: Faults) -> None:
    with counted(faults, [401]), client_of(url, password=Secret("wrong-password")) as client:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="login was refused") as refused:
                read(client)
            assert "wrong-password" not in str(refused.value)


def test_nobody_there_is_no_matter_of_configuration() -> None:
    with client_of("http://127.0.0.1:9") as client, pytest.raises(Unavailable, match="did not answer"):
        client.sign_in()


def test_a_token_is_the_alternative(url: str, person: Person, faults: Faults) -> None:
    with counted(faults, []), client_of(url, auth="oidc") as client:
        assert read(client)
        person.does("set", expire_tokens=True)
        assert read(client)


def test_two_processes_share_one_session_by_the_outbox(
    url: str, person: Person, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
        import sys
        from datetime import timedelta
        from types import SimpleNamespace as Of
        from st_erp_pipelines.clock import SystemClock
        from st_erp_pipelines.database import open_engine
        from st_erp_pipelines.resources.sap_business_one import connect
        url, database, company, user, password = sys.argv[1:]
        timing = Of(calls_per_second=9, token_margin=timedelta(0), posting=lambda: None)
        settings = Of(api_url=f"{url}/b1s/v2", company=company, auth="session", user=user, language=3, verify=True)
        settings.password, settings.ca_file, settings.timing = Of(resolve=lambda: password), None, timing
        client = connect(settings, clock=SystemClock(), engine=open_engine(database))
        assert client.rows("Projects", key="Code", operation="list projects")
        client.close()
    """
    database = f"sqlite:///{tmp_path}/outbox.sqlite"
    monkeypatch.setenv("ST_ERP_SECRET_KEY", Fernet.generate_key().decode())
    settings, engine = settings_for(url), open_engine(database)
    bring_up_to_date(engine)
    with counted(faults, [200]):
        client = connect(settings, clock=SystemClock(), engine=engine)
        read(client)
        told = url, database, settings.company, settings.user, settings.password.resolve()
        subprocess.run([sys.executable, "-c", dedent(program), *told], check=True, timeout=60)
        client.log_out()
    client.close()
    engine.dispose()
