"""Credentials in one encrypted file, for sites that have nothing better than a disk.

`${NAME}` is looked up in the environment first, then here. The file is a Fernet token (AES and HMAC) of a JSON
object. Its key comes from ST_ERP_SECRET_KEY or from the file that ST_ERP_SECRET_KEY_FILE names, and lies
somewhere else than the secrets. Several keys may stand there: the first encrypts, all of them open.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from st_erp_pipelines.errors import ConfigurationError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEY, KEY_FILE = "ST_ERP_SECRET_KEY", "ST_ERP_SECRET_KEY_FILE"
ONLY_OURS = 0o600


def look_up(name: str) -> str:
    """Stripped; "" where it is neither in the environment nor in the file. ConfigurationError: no way to open it."""
    return os.environ.get(name, "").strip() or read().get(name, "")


def path() -> Path:
    """It may not exist."""
    config = os.environ.get("ST_ERP_CONFIG") or "connections.yaml"
    return Path(os.environ.get("ST_ERP_SECRETS") or Path(config).with_name("secrets.enc")).absolute()


def read() -> dict[str, str]:
    """Empty where there is no file, unless ST_ERP_SECRETS says that there should be one."""
    try:
        content = path().read_bytes().strip()
    except FileNotFoundError:
        if os.environ.get("ST_ERP_SECRETS"):
            raise _fault("does not exist", "Make it with `st-erp secrets set NAME`, or unset ST_ERP_SECRETS.") from None
        return {}
    except OSError as error:
        raise _fault(f"cannot be read: {error.strerror}") from None
    return _opened(content)


def put(name: str, value: str) -> None:
    _write(_existing() | {name: value})


def remove(name: str) -> None:
    secrets = _existing()
    if secrets.pop(name, None) is None:
        raise ConfigurationError(f"there is no secret {name} in {path().name}", fix=f"It has: {', '.join(secrets)}.")
    _write(secrets)


def cipher() -> MultiFernet | None:
    """For what else is kept encrypted; None where there is no key."""
    return _fernet() if _keys() else None


def new_key() -> str:
    """Where a key file is named, the new key replaces what it holds, and the secrets are encrypted anew.

    In between it holds both, so that a crash locks nobody out. Else the key is returned, and kept nowhere.
    """
    key, file = Fernet.generate_key().decode(), os.environ.get(KEY_FILE)
    if not file or os.environ.get(KEY):
        return key
    secrets, old = (read(), Path(file).read_text("ascii")) if Path(file).exists() else ({}, "")
    if not old and path().exists():
        raise _fault(f"is there already, but its key is not ({KEY_FILE})", "Bring the key back, or move the file away.")
    _replace(Path(file), f"{key}\n{old}".encode())
    if secrets:
        _write(secrets)
    _replace(Path(file), f"{key}\n".encode())
    return ""


def open_to_others() -> list[Path]:
    """Which of the two files somebody else on this machine may read."""
    files = [path(), *(Path(file) for file in (os.environ.get(KEY_FILE),) if file)]
    found = []
    for file in files:
        with suppress(OSError):
            if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
                found.append(file)
    return found


def _existing() -> dict[str, str]:
    return read() if path().exists() else {}


def _opened(content: bytes) -> dict[str, str]:
    try:
        found = json.loads(_fernet().decrypt(content))
    except InvalidToken:
        if not _is_whole(content):
            raise _fault("is damaged: it is not what was written", "Bring it back from a backup.") from None
        raise _fault("was encrypted with another key, or is damaged", f"Set {KEY} or {KEY_FILE} to its key.") from None
    return {str(name): str(value) for name, value in found.items()}


def _is_whole(content: bytes) -> bool:
    """Looks like a token from its first byte to its last; whether it is one only its key can tell."""
    return content.startswith(b"gAAAAA") and bool(re.fullmatch(rb"[\w-]+={0,2}", content)) and len(content) % 4 == 0


def _fernet() -> MultiFernet:
    keys = _keys()
    if not keys:
        raise _fault("cannot be opened without its key", f"Set {KEY}, or {KEY_FILE} to a file that holds it.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        where = KEY if os.environ.get(KEY) else KEY_FILE
        raise ConfigurationError(f"{where} holds no key", fix="`st-erp secrets new-key` makes one.") from None


def _keys() -> list[str]:
    file = os.environ.get(KEY_FILE)
    if os.environ.get(KEY) or not file:
        return os.environ.get(KEY, "").split()
    try:
        return Path(file).read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(
            f"the key file {file} cannot be read: {said}", fix="`st-erp secrets new-key` makes one."
        ) from None


def _write(secrets: dict[str, str]) -> None:
    text = json.dumps(dict(sorted(secrets.items())), ensure_ascii=False)
    _replace(path(), _fernet().encrypt(text.encode()))


def _replace(file: Path, content: bytes) -> None:
    """At once or not at all, and nobody else may read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # made with ONLY_OURS
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            os.fsync(out.fileno())
        os.chmod(name, ONLY_OURS)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise


def _fault(text: str, fix: str = "") -> ConfigurationError:
    return ConfigurationError(f"the secrets file {path()} {text}", fix=fix)
