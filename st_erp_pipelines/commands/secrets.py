"""`st-erp secrets`: what lies in the encrypted file. A value goes in, and none ever comes out."""

from __future__ import annotations

import sys

import typer

from st_erp_pipelines import secrets_file
from st_erp_pipelines.commands.output import WELL, complain, say
from st_erp_pipelines.errors import ConfigurationError


def put(name: str) -> int:
    """Asked for without echo at a terminal; else all of stdin."""
    if not secrets_file.NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name", fix="Letters, digits and _, as in ${NAME}.")
    asks = sys.stdin.isatty()
    value = str(typer.prompt(f"{name} (not shown)", hide_input=True, err=True) if asks else sys.stdin.read()).strip()
    if not value:
        raise ConfigurationError(f"nothing was given for {name}", fix="The secrets are as they were.")
    secrets_file.put(name, value)
    say(f"{name} is in {secrets_file.path()}.")
    return WELL


def show_names() -> int:
    for name in secrets_file.read():
        print(name)
    return WELL


def remove(name: str) -> int:
    secrets_file.remove(name)
    say(f"{name} is out of {secrets_file.path()}.")
    return WELL


def new_key() -> int:
    key = secrets_file.new_key()
    if key:
        print(key)
        complain(f"It is kept nowhere: set {secrets_file.KEY} to it, or {secrets_file.KEY_FILE} to a file.")
    else:
        say("The key file has a new key, and the secrets are encrypted with it.")
    return WELL
