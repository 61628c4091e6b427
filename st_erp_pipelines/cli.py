"""The `st-erp` command: how each command is called. What they do is in `commands/`, imported when asked for.

Exit codes: 0 all well, 1 documents need a person, 2 configuration or usage, 3 a system could not be reached.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from st_erp_pipelines.commands.output import AMISS, CONFIGURATION, DEMO_HAS_ENDED, UNREACHABLE, complain
from st_erp_pipelines.errors import ConfigurationError, StErpError, Unavailable


class Commands(typer.core.TyperGroup):
    """An error of our tree is one sentence on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except StErpError as error:
            complain(DEMO_HAS_ENDED if isinstance(error, Unavailable) and _demo_has_ended() else error.sentence())
            raise typer.Exit(exit_code_of(error)) from None
        except sa.exc.OperationalError as error:  # its own text would quote what was being written
            said = str(error.orig).partition("\n")[0]
            complain(f"The outbox database (ST_ERP_DATABASE_URL) cannot be used: {said}.")
            raise typer.Exit(UNREACHABLE) from None


def _demo_has_ended() -> bool:
    from st_erp_pipelines.commands.site import ended_demo

    return ended_demo()


def exit_code_of(error: StErpError) -> int:
    if isinstance(error, ConfigurationError):
        return CONFIGURATION
    return UNREACHABLE if isinstance(error, Unavailable) else AMISS


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they may show the values of variables
    help="ServiceTitan and your ERP kept in agreement. Start with `st-erp demo`; it needs no account anywhere.",
    epilog="Exit codes: 0 all well, 1 documents need a person, 2 configuration or usage, 3 a system is out of reach.",
)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="connections; all where none is named")]
Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="one connection; all where none is named")]
Json = Annotated[bool, typer.Option("--json", help="facts as JSON on stdout")]
Seed = Annotated[int, typer.Option(help="the same seed makes the same contractor")]
Days = Annotated[int, typer.Option(min=7, help="days of records that lie behind today")]
Speed = Annotated[float, typer.Option(min=0.1, help="how many times as fast as the vendors' limits")]


@app.callback()
def environment(
    env: Annotated[
        Path | None,
        typer.Option("--env", exists=True, dir_okay=False, help="a file of NAME=value lines to set first"),
    ] = None,
) -> None:
    gc.set_threshold(50_000)  # to look for garbage among all that is imported takes a fifth of a command's time
    if env:
        lines = (line.strip() for line in env.read_text("utf-8").splitlines())
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        os.environ.update({name.strip(): value.strip() for name, _, value in pairs})


@app.command()
def demo(
    speed: Speed = 20,
    days: Days = 30,
    seed: Seed = 7,
    scale: Annotated[float, typer.Option(min=0.01, help="multiplies customers and documents")] = 1,
    folder: Annotated[Path, typer.Option(help="where the demo lives")] = Path(".st_erp/demo"),
    ui: Annotated[bool, typer.Option("--ui", help="open the demo that was made before in Dagster's UI")] = False,
    port: Annotated[int, typer.Option(help="of the UI")] = 3000,
    stop: Annotated[bool, typer.Option("--stop", help="end the sandbox that the demo left running")] = False,
) -> None:
    """A contractor's month into Business Central, a sister company's week into Business One, all here. No account."""
    from st_erp_pipelines.commands import demo as command

    folder = folder.absolute()
    if stop:
        code = command.stop(folder)
    elif ui:
        code = command.serve_ui(folder, port)
    else:
        code = command.run(command.Demo(folder, seed=seed, days=days, speed=speed, scale=scale))
    raise typer.Exit(code)


@app.command()
def sandbox(
    seed: Seed = 7,
    days: Days = 30,
    speed: Speed = 1,
    servicetitan_port: Annotated[int, typer.Option()] = 7701,
    business_central_port: Annotated[int, typer.Option()] = 7702,
    sap_business_one_port: Annotated[int | None, typer.Option(help="Serve his Business One, too.")] = None,
    sap_s4hana_port: Annotated[int | None, typer.Option(help="Serve his S/4HANA, too.")] = None,
) -> None:
    """Serve ServiceTitan and Business Central for a made-up contractor, until Ctrl-C."""
    from st_erp_pipelines.commands.demo import serve_sandbox

    erp_ports = (business_central_port, sap_business_one_port, sap_s4hana_port)
    serve_sandbox(seed, days, speed, servicetitan_port, *erp_ports)


@app.command()
def sync(
    names: Names = None,
    references: Annotated[
        bool, typer.Option("--references", help="read also what no flow needs: vendors, bills, pricebook, jobs, ...")
    ] = False,
    json: Json = False,
) -> None:
    """Read what changed, post what is due, read back and reconcile: the job that Dagster runs on schedule."""
    from st_erp_pipelines.commands import sync as command

    raise typer.Exit(command.run(names or [], json, references))


@app.command()
def status(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="every exception, with its key")] = False,
    json: Json = False,
) -> None:
    """What was posted, what was not, and what needs a person. Asks no other system."""
    from st_erp_pipelines.commands import status as command

    raise typer.Exit(command.run(names or [], json, everything))


@app.command()
def doctor(names: Names = None, json: Json = False) -> None:
    """Try every credential, permission and setting by reading alone; a line for each, with what to do."""
    from st_erp_pipelines.commands import doctor as command

    raise typer.Exit(command.run(names or [], json))


@app.command()
def plan(
    name: Name = None,
    flow: Annotated[str | None, typer.Option(help="customers, invoices, payments, customers_back or items")] = None,
    limit: Annotated[int, typer.Option(min=0, help="shown of each flow and outcome; 0 shows all")] = 5,
    json: Json = False,
) -> None:
    """Exactly what would be sent, document by document. Sends nothing."""
    from st_erp_pipelines.commands import plan as command

    raise typer.Exit(command.run([name] if name else [], flow, limit, json))


@app.command()
def audit(
    key: Annotated[str, typer.Argument(help="business key, source key, or what people call it (invoice number)")],
    json: Json = False,
) -> None:
    """The whole story of one document: every decision, every attempt, what was sent, what came back."""
    from st_erp_pipelines.commands import audit as command

    raise typer.Exit(command.run(key, json))


@app.command()
def replay(
    words: Annotated[list[str] | None, typer.Argument(metavar="[NAME] [KEY]...", help="documents")] = None,
    cause: Annotated[str | None, typer.Option(help="all that were refused for this cause")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all rejected, unavailable or in conflict")] = False,
) -> None:
    """Ask for documents to be tried again. They go out with the next sync; what stands is never sent twice.

    Documents that are out of scope or skipped are replayed by their keys only.
    """
    from st_erp_pipelines.commands import replay as command

    raise typer.Exit(command.run(words or [], cause, everything))


@app.command()
def rebuild(names: Names = None) -> None:
    """Make staging anew from landing: after an upgrade that needs other columns, or where the file is lost."""
    from st_erp_pipelines.commands import rebuild as command

    raise typer.Exit(command.run(names or []))


@app.command()
def forget(
    name: Annotated[str, typer.Argument(metavar="CONNECTION")],
    customer_id: Annotated[int, typer.Argument(metavar="CUSTOMER_ID", help="ServiceTitan's id of the customer")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Delete a customer's personal data from all that is kept here. Figures stay; neither system is changed."""
    from st_erp_pipelines.commands import forget as command

    raise typer.Exit(command.run(name, customer_id, yes))


@app.command()
def accept(
    key: Annotated[str, typer.Argument(help="the document: its business key or its number in ServiceTitan")],
    number: Annotated[str | None, typer.Argument(help="the number over there; left out where one was found")] = None,
) -> None:
    """Say which document over there is this one: it is adopted, and never sent. Or that a warning was read."""
    from st_erp_pipelines.commands import accept as command

    raise typer.Exit(command.run(key, number))


@app.command()
def publish(
    names: Names = None,
    together: Annotated[bool, typer.Option("--all", help="unite them in published/all.duckdb, too")] = False,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="write this file instead")] = None,
    json: Json = False,
) -> None:
    """Make the DuckDB files that analysts open, now: staging, reconciliation and audit trail. Asks no other system."""
    from st_erp_pipelines.commands import publish as command

    raise typer.Exit(command.run(names or [], together, to, json))


@app.command()
def pause(
    name: Annotated[str, typer.Argument(help="a connection")],
    target: Annotated[bool, typer.Option("--target", help="and all others that post into its company")] = False,
) -> None:
    """Stop sending, before the next document of any process. Reading goes on."""
    from st_erp_pipelines.commands import pause as command

    raise typer.Exit(command.pause(name, target))


@app.command()
def resume(
    name: Annotated[str, typer.Argument(help="a connection")],
    target: Annotated[bool, typer.Option("--target", help="take back `pause --target`")] = False,
) -> None:
    """Send again, from the next sync on."""
    from st_erp_pipelines.commands import pause as command

    raise typer.Exit(command.resume(name, target))


mappings = typer.Typer(no_args_is_help=True, help="The accountants' tables.")
app.add_typer(mappings, name="mappings")


@mappings.command("check")
def check_mappings(names: Names = None, json: Json = False) -> None:
    """What the tables name and is not there, and what is used and they do not name. Asks no other system."""
    from st_erp_pipelines.commands import mappings as command

    raise typer.Exit(command.check(names or [], json))


secrets = typer.Typer(no_args_is_help=True, help="Credentials in an encrypted file, instead of the environment.")
app.add_typer(secrets, name="secrets")
SecretName = Annotated[str, typer.Argument(metavar="NAME", help="as in ${NAME} in connections.yaml")]


@secrets.command("set")
def set_secret(name: SecretName) -> None:
    """Asks for the value without showing it, or takes it from stdin."""
    from st_erp_pipelines.commands import secrets as command

    raise typer.Exit(command.put(name))


@secrets.command("list")
def list_secrets() -> None:
    """The names."""
    from st_erp_pipelines.commands import secrets as command

    raise typer.Exit(command.show_names())


@secrets.command("remove")
def remove_secret(name: SecretName) -> None:
    """Forget one."""
    from st_erp_pipelines.commands import secrets as command

    raise typer.Exit(command.remove(name))


@secrets.command("new-key")
def new_key() -> None:
    """Put a new key into ST_ERP_SECRET_KEY_FILE and encrypt with it; where none is named, print one."""
    from st_erp_pipelines.commands import secrets as command

    raise typer.Exit(command.new_key())
