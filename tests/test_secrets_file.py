"""Credentials in the encrypted file: what opens it, what is said when nothing does, and that no value is shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from st_erp_pipelines import secrets_file
from st_erp_pipelines.cli import app
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.settings import Secret

VALUE = "s3cr3t-of-northwind"


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a key file and no secrets yet."""
    for name in ("ST_ERP_SECRETS", "ST_ERP_SECRET_KEY", "NORTHWIND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ST_ERP_CONFIG", str(tmp_path / "connections.yaml"))
    monkeypatch.setenv("ST_ERP_SECRET_KEY_FILE", str(tmp_path / "elsewhere" / "key"))
    assert st_erp("new-key").exit_code == 0
    return tmp_path


def st_erp(*words: str, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["secrets", *words], input=given)
    assert VALUE not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def resolved() -> str:
    return Secret("${NORTHWIND}", "erp.client_secret").resolve()


def complaint() -> str:
    with pytest.raises(ConfigurationError) as error:
        resolved()
    assert VALUE not in str(error.value)
    return str(error.value)


def test_a_secret_goes_in_and_is_found_under_its_name(site: Path) -> None:
    assert st_erp("set", "NORTHWIND", given=f"{VALUE}\n").exit_code == 0
    assert resolved() == VALUE
    assert st_erp("list").stdout == "NORTHWIND\n"
    assert VALUE.encode() not in (site / "secrets.enc").read_bytes()
    assert b"NORTHWIND" not in (site / "secrets.enc").read_bytes()


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    monkeypatch.setenv("NORTHWIND", " of the environment ")
    assert resolved() == "of the environment"
    monkeypatch.delenv("ST_ERP_SECRET_KEY_FILE")
    assert resolved() == "of the environment", "no key is needed for what is set"


def test_files_are_their_owners_alone(site: Path) -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    files = [site / "secrets.enc", site / "elsewhere" / "key"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert secrets_file.open_to_others() == []
    files[0].chmod(0o644)
    assert secrets_file.open_to_others() == [files[0]]


def test_what_is_removed_is_gone() -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    st_erp("set", "OTHER", given="else")
    assert st_erp("remove", "NORTHWIND").exit_code == 0
    assert "NORTHWIND, which is not set, and secrets.enc does not hold it" in complaint()
    gone = st_erp("remove", "NORTHWIND")
    assert (gone.exit_code, "It has: OTHER." in gone.stderr) == (2, True)


def test_another_key_does_not_open_it(monkeypatch: pytest.MonkeyPatch) -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    monkeypatch.setenv("ST_ERP_SECRET_KEY", Fernet.generate_key().decode())
    assert "was encrypted with another key" in complaint()
    assert st_erp("set", "OTHER", given="else").exit_code == 2, "what could not be read would be lost"
    monkeypatch.setenv("ST_ERP_SECRET_KEY", "no key at all")
    assert "ST_ERP_SECRET_KEY holds no key" in complaint()


def test_without_a_key_it_says_which_variable_is_missing(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    (site / "elsewhere" / "key").unlink()
    assert "elsewhere/key cannot be read: No such file" in complaint()
    refused = st_erp("new-key")
    assert refused.exit_code == 2, "a new key would lock everybody out"
    assert "is there already" in refused.stderr
    monkeypatch.delenv("ST_ERP_SECRET_KEY_FILE")
    assert "cannot be opened without its key. Set ST_ERP_SECRET_KEY, or ST_ERP_SECRET_KEY_FILE" in complaint()


def test_a_damaged_file_is_told_from_a_wrong_key(site: Path) -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    content = (site / "secrets.enc").read_bytes()
    for damaged in (content[:-7], b"", b"x" + content, b"NORTHWIND=plain"):
        (site / "secrets.enc").write_bytes(damaged)
        assert "is damaged: it is not what was written" in complaint()


def test_a_new_key_encrypts_what_is_there(site: Path) -> None:
    st_erp("set", "NORTHWIND", given=VALUE)
    key, content = (site / "elsewhere" / "key").read_text(), (site / "secrets.enc").read_bytes()
    assert st_erp("new-key").exit_code == 0
    assert resolved() == VALUE
    assert key.strip() not in (site / "elsewhere" / "key").read_text()
    (site / "secrets.enc").write_bytes(content)
    assert "another key" in complaint()


def test_several_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv("ST_ERP_SECRET_KEY", old)
    st_erp("set", "NORTHWIND", given=VALUE)
    monkeypatch.setenv("ST_ERP_SECRET_KEY", f"{new} {old}")
    st_erp("set", "OTHER", given="else")
    monkeypatch.setenv("ST_ERP_SECRET_KEY", new)
    assert resolved() == VALUE


def test_a_key_without_a_file_to_go_to_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ST_ERP_SECRET_KEY_FILE")
    made = st_erp("new-key")
    assert Fernet(made.stdout.strip())
    assert "ST_ERP_SECRET_KEY" in made.stderr


def test_a_file_that_was_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint().endswith("NORTHWIND, which is not set"), "where none is named, none has to be"
    monkeypatch.setenv("ST_ERP_SECRETS", str(tmp_path / "named.enc"))
    assert "named.enc does not exist" in complaint()


@pytest.mark.parametrize(("name", "given"), [("NO-NAME", VALUE), ("", VALUE), ("NORTHWIND", " \n")])
def test_what_cannot_be_kept_is_refused(name: str, given: str) -> None:
    assert st_erp("set", name, given=given).exit_code == 2
    assert st_erp("list").stdout == ""
