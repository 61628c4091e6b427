from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from st_erp_pipelines import settings
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.settings import ConfigFault, Secret, Settings

NORTHWIND = """\
connections:
  - name: northwind_hvac
    key_prefix: a
    time_zone: America/Chicago
    start_date: 2026-10-01
    go_live: 2026-11-01
    mappings: mappings/northwind_hvac
    servicetitan:
      tenant_id: 1001
      app_key: ${NORTHWIND_ST_APP_KEY}
      client_id: ${NORTHWIND_ST_CLIENT_ID}
      client_secret: 0123-literal-secret
    erp:
      kind: business_central
      tenant: contoso.example
      company: CRONUS USA, Inc.
      client_id: ${NORTHWIND_BC_CLIENT_ID}
      client_secret: ${NORTHWIND_BC_CLIENT_SECRET}
      timing: {settle_after: 20m, calls_per_second: 12.5}
    flows:
      invoices: {mode: post, max_amount: 100000.10}
"""

Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Settings:
        (tmp_path / "mappings/northwind_hvac").mkdir(parents=True, exist_ok=True)
        path = tmp_path / "connections.yaml"
        path.write_text(text, encoding="utf-8")
        return settings.load(path)

    return write_and_load


def two(**second: Any) -> str:
    """Northwind, and a second connection that differs from it as said; dotted keys by `__`."""
    first = yaml.safe_load(NORTHWIND)["connections"][0]
    other = copy.deepcopy(first) | {"name": "southwind", "key_prefix": "B"}
    other["servicetitan"]["tenant_id"] = 1002
    for key, value in second.items():
        *parts, last = key.split("__")
        inner = other
        for part in parts:
            inner = inner[part]
        inner[last] = value
    return yaml.safe_dump({"connections": [first, other]}, sort_keys=False)


def line_of(text: str, part: str, nth: int = 1) -> int:
    return [number for number, line in enumerate(text.splitlines(), 1) if part in line][nth - 1]


def only(found: Settings) -> ConfigFault:
    assert len(found.faults) == 1, [str(fault) for fault in found.faults]
    return found.faults[0]


def test_reads_a_connection_and_fills_in_vendor_defaults(load: Load, tmp_path: Path) -> None:
    found = load(NORTHWIND)
    assert (found.faults, found.faulty) == ([], [])
    (northwind,) = found.connections
    assert northwind.key_prefix == "A"
    assert northwind.time_zone == "America/Chicago"
    assert (northwind.start_date, northwind.go_live) == (date(2026, 10, 1), date(2026, 11, 1))
    assert northwind.mappings == tmp_path / "mappings/northwind_hvac"
    assert northwind.servicetitan.auth_url == "https://auth.servicetitan.io"
    assert northwind.servicetitan.timing.posting().settle_after == timedelta(minutes=5)
    assert northwind.erp.token_url == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    assert northwind.erp.api_root.endswith("/v2.0/contoso.example/production/api/v2.0")
    assert northwind.flows.invoices.max_amount == Decimal("100000.10")
    assert northwind.flows.payments.mode == "observe"


def test_integration_environment_and_stand_ins_change_the_urls(load: Load) -> None:
    servicetitan = load(two(servicetitan__environment="integration")).connections[1].servicetitan
    assert servicetitan.api_url == "https://api-integration.servicetitan.io"
    local = {
        "api_url": "http://127.0.0.1:7702/v2.0/",
        "token_url": "http://127.0.0.1:7702/token",
        "tenant": "",
    }
    erp = load(two(**{f"erp__{key}": value for key, value in local.items()})).connections[1].erp
    assert erp.api_root == "http://127.0.0.1:7702/v2.0/production/api/v2.0"
    assert erp.token_url == "http://127.0.0.1:7702/token"


def test_place_is_the_same_for_every_spelling_of_one_url(load: Load) -> None:
    first, second = load(two(erp__api_url="HTTPS://API.BusinessCentral.dynamics.com:443/v2.0/")).connections
    assert first.place == second.place
    root = "https://api.businesscentral.dynamics.com/v2.0/contoso.example/production/api/v2.0"
    assert first.place == f"business_central|{root}|CRONUS USA, Inc."


@pytest.mark.parametrize(
    ("written", "instead", "field", "expected"),
    [
        ("    go_live: 2026-11-01\n", "", "go_live", "expected a date such as 2026-11-01"),
        ("    go_live: 2026-11-01\n", "    go_live:\n", "go_live", "is missing"),
        (
            "go_live: 2026-11-01",
            "go_live: 26.10.2026",
            "go_live",
            "is '26.10.2026'; expected a date such as 2026-11-01",
        ),
        ("go_live: 2026-11-01", "goo_live: 1\n    go_live: 2026-11-01", "goo_live", "expected go_live"),
        ("key_prefix: a", "key_prefix: AB1", "key_prefix", "one to three letters"),
        (
            "time_zone: America/Chicago",
            "time_zone: America/Chicag",
            "time_zone",
            "is 'America/Chicag'; expected a time zone",
        ),
        ("time_zone: America/Chicago", "time_zone: America", "time_zone", "is 'America'; expected a time zone"),
        ("start_date:", "schedule: 61 * * * *\n    start_date:", "schedule", "expected five cron fields"),
        ("start_date:", "schedule: soon\n    start_date:", "schedule", "expected five cron fields"),
        ("start_date:", "publish_every: daily\n    start_date:", "publish_every", "expected a duration such as"),
        ("mode: post", "mode: write", "flows.invoices.mode", "is 'write'; expected one of observe, draft, post"),
        ("100000.10", "lots", "flows.invoices.max_amount", "is 'lots'; expected an amount such as 50000"),
        ("100000.10", "0", "flows.invoices.max_amount", "is '0'; expected an amount such as 50000"),
        ("100000.10", "1, max_documents: 1.5", "flows.invoices.max_documents", "is '1.5'; expected a number of"),
        ("    flows:", "    rules: {only_posted: maybe}\n    flows:", "rules.only_posted", "expected true or false"),
        ("company: CRONUS USA, Inc.", "company: ''", "erp.company", "is empty; expected the company's id or name"),
        ("settle_after: 20m", "settle_after: 0m", "erp.timing.settle_after", "is '0m'; expected a duration longer"),
        ("northwind_hvac\n    serv", "northwind\n    serv", "mappings", "names a folder that does not exist: /"),
        ("mode: post", "schedule: '* * *'", "flows.invoices.schedule", "expected five cron fields"),
        ("tenant_id: 1001", "tenant_id: northwind", "servicetitan.tenant_id", "expected the tenant's number"),
        ("tenant_id: 1001", "tenant_id: 1001\n      page_size: 5001", "servicetitan.page_size", "5000"),
        (
            "tenant_id: 1001",
            "tenant_id: 1\n      api_url: http://h",
            "servicetitan",
            "both api_url and auth_url",
        ),
        ("${NORTHWIND_ST_APP_KEY}", "${NORTHWIND-KEY}", "servicetitan.app_key", "expected ${NAME}"),
        ("kind: business_central", "kind: sage", "erp.kind", "expected business_central"),
        ("      tenant: contoso.example\n", "", "erp.token_url", "is needed where no tenant is given"),
        ("tenant: contoso.example", "tenant: ${TENANT}", "erp.tenant", "is not read from the environment"),
        (
            "kind: business_central",
            "kind: business_central\n      api_url: ftp://h",
            "erp.api_url",
            "https://",
        ),
        (
            "kind: business_central",
            "kind: business_central\n      draft_batch: ST1",
            "erp.draft_batch",
            "letters",
        ),
        ("settle_after: 20m", "settle_after: 20 minutes", "erp.timing.settle_after", "20m, 90s, 1h or 12.5s"),
        (
            "settle_after: 20m",
            "settle_after: 20m, deadline: 11m",
            "erp.timing",
            "exceed half of settle_after",
        ),
        ("settle_after: 20m", "settle_after: 20m, fence: 1m", "erp.timing", "does not outlast"),
    ],
)
def test_names_line_field_and_what_was_expected(
    load: Load, written: str, instead: str, field: str, expected: str
) -> None:
    text = NORTHWIND.replace(written, instead)
    found = load(text)
    fault = only(found)
    assert (fault.field, fault.file.name, fault.connections) == (
        field,
        "connections.yaml",
        ("northwind_hvac",),
    )
    assert expected in fault.message
    last = f"{field.split('.')[-1]}:"
    stands = last in text and field != "erp.token_url"
    parent = f"{field.split('.')[-2]}:" if "." in field else "name:"
    assert fault.line == line_of(text, last if stands else parent)
    assert (found.connections, found.faulty) == ([], ["northwind_hvac"])


def test_lists_every_fault_at_once_and_runs_the_others(load: Load) -> None:
    text = two(go_live="never", colour="blue", schedule="61 * * * *", time_zone="Mars/Olympus", erp__company="")
    found = load(text)
    assert {fault.field for fault in found.faults} == {
        "go_live",
        "colour",
        "schedule",
        "time_zone",
        "erp.company",
    }
    assert [fault.line for fault in found.faults] == sorted(fault.line for fault in found.faults)
    assert [connection.name for connection in found.connections] == ["northwind_hvac"]
    assert found.faulty == ["southwind"]


@pytest.mark.parametrize(
    ("second", "field"),
    [
        ({"name": "Northwind_HVAC"}, "name"),
        ({"key_prefix": "A"}, "key_prefix"),
        ({"key_prefix": "A", "erp__api_url": "https://API.businesscentral.dynamics.com/v2.0/"}, "key_prefix"),
        ({"key_prefix": "A", "erp__company": "Cronus USA, inc."}, "key_prefix"),
        ({"key_prefix": "A", "schedule": "never"}, "key_prefix"),
        ({"servicetitan__tenant_id": 1001}, "servicetitan"),
    ],
)
def test_both_of_a_clashing_pair_are_at_fault(load: Load, second: dict[str, Any], field: str) -> None:
    text = two(**second)
    found = load(text)
    faults = [fault for fault in found.faults if fault.field == field]
    assert [fault.line for fault in faults] == [line_of(text, f"{field}:", nth) for nth in (1, 2)]
    assert found.connections == []
    assert found.faulty == ["northwind_hvac", str(second.get("name", "southwind"))]
    assert "southwind" in faults[0].message.lower() or field == "name"


def test_no_connection_is_called_as_what_unites_all(load: Load) -> None:
    fault = only(load(NORTHWIND.replace("name: northwind_hvac", "name: All")))
    assert str(fault).endswith("All: name is the name of what unites all connections; expected another")


GUID = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41"


def test_items_are_written_only_where_they_can_be_found_again(load: Load) -> None:
    written = NORTHWIND.replace("    flows:\n", "    flows:\n      items: {mode: post}\n")
    fault = only(load(written))
    assert (fault.field, "servicetitan.application_guid" in fault.message) == ("flows", True)
    with_guid = written.replace("tenant_id: 1001", f"tenant_id: 1001\n      application_guid: {GUID}")
    (connection,) = load(with_guid).connections
    assert settings.tenant_place(connection.servicetitan) == "servicetitan|https://api.servicetitan.io|1001"
    assert load(written.replace("items: {mode: post}", "items: {mode: observe}")).faults == []


def test_two_companies_do_not_write_items_into_one_pricebook(load: Load) -> None:
    same = {"servicetitan__tenant_id": 1001, "erp__company": "Other"}
    text = two(**same).replace("invoices:\n", "items: {mode: draft}\n    invoices:\n")
    text = text.replace("tenant_id: 1001\n", f"tenant_id: 1001\n    application_guid: {GUID}\n")
    assert [fault.field for fault in load(text).faults] == ["flows.items", "flows.items"]
    assert load(text.replace("items: {mode: draft}", "items: {mode: observe}")).faults == []


def test_customers_go_back_only_where_the_erp_owns_something(load: Load) -> None:
    back = NORTHWIND.replace("    flows:\n", "    flows:\n      customers_back: {mode: post}\n")
    fault = only(load(back))
    assert (fault.field, "expected customers.owners, too" in fault.message) == ("flows", True)
    owned = back.replace("customers_back:", "customers: {owners: {email: erp}}\n      customers_back:")
    (connection,) = load(owned).connections
    assert connection.flows.customers.owners.of("erp") == ["email"]


def test_two_entries_of_one_name_have_one_fault_each(load: Load) -> None:
    found = load(two(name="northwind_hvac", key_prefix="A", servicetitan__tenant_id=1001))
    assert [fault.field for fault in found.faults] == ["name", "name"]
    assert found.connections == []


def test_a_connection_shares_this_with_one_and_that_with_another(load: Load) -> None:
    third = two(name="third", key_prefix="A", servicetitan__tenant_id=1003).split("- name: third")[1]
    found = load(two(name="northwind_hvac", key_prefix="B") + "- name: third" + third)
    assert [fault.field for fault in found.faults] == ["name", "key_prefix", "name", "key_prefix"]
    assert found.faults[1].message.endswith("that of third")


def test_one_prefix_may_serve_two_companies(load: Load) -> None:
    assert load(two(key_prefix="A", erp__company="Other", servicetitan__tenant_id=1001)).faults == []


def test_connections_to_one_company_know_each_others_prefix(load: Load) -> None:
    assert [each.other_prefixes for each in load(two()).connections] == [["B"], ["A"]]
    assert [each.other_prefixes for each in load(two(schedule="now")).connections] == [["B"]], "left out, but it posted"
    assert [each.other_prefixes for each in load(two(erp__company="Elsewhere")).connections] == [[], []]


def test_three_connections_two_clash_and_the_third_runs(load: Load) -> None:
    third = two(name="third", key_prefix="C", servicetitan__tenant_id=1003).split("- name: third")[1]
    found = load(two(key_prefix="A") + "- name: third" + third)
    assert [connection.name for connection in found.connections] == ["third"]


def test_a_key_given_twice_is_a_fault_of_its_connection(load: Load) -> None:
    text = NORTHWIND + "    rules: {tax: liability_line, tax: erp_computes}\n"
    fault = only(load(text))
    assert (fault.field, fault.line) == ("rules.tax", line_of(text, "rules:"))
    assert "twice" in fault.message


def test_shared_settings_may_be_merged(load: Load) -> None:
    text = NORTHWIND.replace("    flows:", "    flows: &flows")
    text += "  - name: other\n" + NORTHWIND.split("hvac\n", 1)[1].split("    flows")[0].replace(
        "key_prefix: a", "key_prefix: B"
    )
    text = text.replace("tenant_id: 1001", "tenant_id: 1002", 1) + "    flows: {<<: *flows, customers: {mode: draft}}\n"
    found = load(text)
    assert found.faults == []
    assert found.connections[1].flows.invoices.mode == "post"
    assert found.connections[1].flows.customers.mode == "draft"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 0, "is missing; expected a list"),
        ("connections: none\n", 1, "expected a list"),
        ("connections: [\n", 2, "is not YAML"),
        ("connections: &all [*all]\n", 0, "refers to itself"),
        ("connections: []\n", 1, "connections is empty; expected a connection"),
        (NORTHWIND + "conections: []\n", len(NORTHWIND.splitlines()) + 1, "conections is an unknown key"),
        ("connections: []\n\x00", 0, "is not YAML"),
    ],
)
def test_a_file_that_is_no_list_of_connections(load: Load, text: str, line: int, message: str) -> None:
    fault = only(load(text))
    assert (fault.line, fault.connections) == (line, ())
    assert message in str(fault)


def test_a_missing_or_unreadable_file_is_one_fault(tmp_path: Path) -> None:
    missing = only(settings.load(tmp_path / "none.yaml"))
    assert str(missing) == f"{tmp_path}/none.yaml does not exist. Set ST_ERP_CONFIG, or give --env."
    assert "cannot be read" in only(settings.load(tmp_path)).message
    (tmp_path / "latin.yaml").write_bytes("connections: [é]".encode("latin-1"))
    assert "UTF-8" in only(settings.load(tmp_path / "latin.yaml")).message


def test_a_connection_without_a_usable_name_is_called_after_its_position(load: Load) -> None:
    found = load(NORTHWIND.replace("northwind_hvac\n    key", "north-wind\n    key") + "  - just text\n")
    assert found.faulty == ["connection_1", "connection_2"]


def test_a_secret_is_never_shown(load: Load) -> None:
    found = load(NORTHWIND)
    (northwind,) = found.connections
    shown = [repr(found), str(northwind), str(northwind.model_dump()), northwind.model_dump_json()]
    broken = load(NORTHWIND.replace("0123-literal-secret", "[0123-literal-secret]").replace("2026-11-01", "?"))
    shown += [str(broken.faults), *(str(fault) for fault in broken.faults)]
    broken = load(NORTHWIND.replace("0123-literal-secret", '"0123-literal-secret'))
    shown += [str(broken.faults)]
    with pytest.raises(ValueError, match="client_secret") as caught:
        settings.ServiceTitan.model_validate({"client_secret": ["0123-literal-secret"]})
    assert all("literal-secret" not in text for text in [*shown, str(caught.value)])
    assert northwind.servicetitan.client_secret.resolve() == "0123-literal-secret"


def test_a_secret_in_clear_text_is_warned_of(load: Load) -> None:
    (warning,) = load(NORTHWIND).warnings
    assert (warning.field, warning.line) == ("servicetitan.client_secret", line_of(NORTHWIND, "0123-literal"))
    assert "stands in clear text; put it into the environment and write ${NAME}" in str(warning)
    assert load(NORTHWIND.replace("0123-literal-secret", "${SECRET}")).warnings == []
    assert load(NORTHWIND.replace("mode: post", "mode: live")).warnings == []


def test_a_value_is_quoted_only_where_it_cannot_be_a_secret(load: Load) -> None:
    for written, instead in [
        ("client_secret: 0123", "client_secrt: 0123"),
        ("client_secret: 0123", "client_secret: ${0123"),
        ("tenant: contoso.example", "api_url: ftp://user:0123-literal-secret@h"),
    ]:
        found = load(NORTHWIND.replace(written, instead))
        assert found.faults
        assert not any("literal" in str(fault) for fault in found.faults)


def test_a_secret_is_resolved_only_when_asked(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    app_key = load(NORTHWIND).connections[0].servicetitan.app_key
    monkeypatch.delenv("NORTHWIND_ST_APP_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="app_key is read from NORTHWIND_ST_APP_KEY, which is not set"):
        app_key.resolve()
    monkeypatch.setenv("NORTHWIND_ST_APP_KEY", " key-1\n")
    assert app_key.resolve() == "key-1"
    assert repr(app_key) == "Secret('${NORTHWIND_ST_APP_KEY}')"
    assert app_key == Secret("${NORTHWIND_ST_APP_KEY}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20m", 1200), ("90s", 90), ("1h", 3600), ("12.5s", 12.5), ("300", 300), ("1.5 m", 90)],
)
def test_durations(load: Load, text: str, seconds: float) -> None:
    timing = load(NORTHWIND.replace("20m", text)).connections[0].erp.timing
    assert timing.settle_after == timedelta(seconds=seconds)
    assert timing.posting().deadline == min(timedelta(seconds=120), timing.settle_after / 4)


def test_places_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ST_ERP_HOME", "ST_ERP_DATABASE_URL", "ST_ERP_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert (settings.home(), settings.config_path()) == (tmp_path / ".st_erp", tmp_path / "connections.yaml")
    assert settings.database_url() == f"sqlite:///{(tmp_path / '.st_erp/st_erp.sqlite').as_posix()}"
    monkeypatch.setenv("ST_ERP_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ST_ERP_DATABASE_URL", "postgresql://db/x")
    assert (settings.home(), settings.database_url()) == (tmp_path / "state", "postgresql://db/x")


BUSINESS_ONE = """\
    erp:
      kind: sap_business_one
      api_url: HTTPS://B1.example:50000/b1s/v2/
      company: SBO_Northwind
      user: interface
      password: ${NORTHWIND_B1_PASSWORD}
"""


def with_business_one(text: str = BUSINESS_ONE) -> str:
    before, _, after = NORTHWIND.partition("    erp:")
    return before + text + after[after.index("    flows:") :]


def test_the_erp_is_what_its_kind_says(load: Load) -> None:
    erp = load(with_business_one()).connections[0].erp
    assert isinstance(erp, settings.SapBusinessOne)
    assert erp.place == "sap_business_one|https://b1.example:50000/b1s|sbo_northwind"  # either version of the API
    assert (erp.invoice_key_field, erp.payment_key_field, erp.verify) == ("NumAtCard", "Remarks", True)
    assert erp.timing.settle_after == timedelta(minutes=20)


@pytest.mark.parametrize(
    ("written", "instead", "field", "expected"),
    [
        ("company: SBO_Northwind\n      ", "", "erp.company", "is missing; expected the company's database"),
        ("kind: sap_business_one\n      ", "", "erp.kind", "expected business_central or sap_business_one"),
        ("user:", "usr:", "erp.usr", "is an unknown key; expected user"),
        ("user: interface\n      ", "", "erp", "logs in by auth session: expected user, too"),
        ("user: interface", "user: a\n      auth: oidc", "erp", "expected token_url and client_id and client_secret"),
        ("user: interface", "user: a\n      invoice_key_field: DocNum", "erp.invoice_key_field", "NumAtCard, Remarks"),
        ("user: interface", "user: a\n      timing: {settle_after: 0m}", "erp.timing.settle_after", "longer than 0"),
        ("user: interface", "user: a\n      tax_field: Tax", "erp.tax_field", "expected one of TaxCode, VatGroup"),
        ("post, max", "draft, max", "flows", "SAP Business One has no drafts: expected observe or post"),
    ],
)
def test_a_fault_names_the_field_of_the_erp_that_is_meant(
    load: Load, written: str, instead: str, field: str, expected: str
) -> None:
    fault = only(load(with_business_one().replace(written, instead)))
    assert fault.field == field
    assert expected in fault.message


def test_each_erp_has_a_schedule_by_default_and_takes_any_other(load: Load) -> None:
    """Business One daily; a connection and each of its flows may have another."""
    weekly = with_business_one().replace("    time_zone:", '    schedule: "0 6 * * MON"\n    time_zone:')
    crons = [load(text).connections[0].schedule for text in (NORTHWIND, with_business_one(), weekly)]
    assert crons == ["*/15 * * * *", "0 5 * * *", "0 6 * * MON"]


def test_two_connections_may_not_share_a_company_of_business_one_under_one_prefix(load: Load) -> None:
    first = with_business_one()
    other = first.removeprefix("connections:\n").replace("northwind_hvac\n    key", "southwind\n    key")
    other = other.replace("b1s/v2/", "b1s/v1").replace("tenant_id: 1001", "tenant_id: 1002")
    assert {fault.field for fault in load(first + other).faults} == {"key_prefix"}
