"""The schema of the outbox database: made, upgraded, recognised, refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from st_erp_pipelines.database import metadata, open_engine
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import migrations
from st_erp_pipelines.outbox.migrate import NEWEST, VERSION_TABLE, bring_up_to_date
from st_erp_pipelines.resources import credential_cache, pacing

TABLES = {"attempts", "cursors", "documents", "events", "fences", "links", "pauses"}
TABLES |= {pacing.rate_slots.name, credential_cache.kept_logins.name}
NOW = datetime(2026, 11, 3, tzinfo=UTC)
VALUES: dict[type, Any] = {str: "x", int: 1, bool: False, float: 0.5, date: NOW.date(), datetime: NOW, object: []}


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """Of an empty one."""
    return new_database()


@pytest.fixture
def opened() -> Iterator[Callable[[str], sa.Engine]]:
    with ExitStack() as at_the_end:

        def opened(url: str) -> sa.Engine:
            engine = open_engine(url)
            at_the_end.callback(engine.dispose)
            return engine

        yield opened


@pytest.fixture
def engine(opened: Callable[[str], sa.Engine], database_url: str) -> sa.Engine:
    return opened(database_url)


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may add revisions to."""
    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, copy)
    monkeypatch.setattr(migrations, "SCRIPTS", str(copy))
    return copy


def config_of(location: str) -> Config:
    config = Config()
    config.set_main_option("script_location", location)
    return config


def next_revision(scripts: Path, *lines: str) -> None:
    head = f'from alembic import op\n\nrevision = "next"\ndown_revision = "{NEWEST}"\n\n\ndef upgrade():\n'
    (scripts / "versions" / "next.py").write_text(head + "".join(f"    {line}\n" for line in lines))


def first_tables() -> sa.MetaData:
    tables = ScriptDirectory.from_config(config_of(migrations.SCRIPTS)).get_revision("0001").module.tables
    assert isinstance(tables, sa.MetaData)
    return tables


def put_history(engine: sa.Engine) -> None:
    """A document with an attempt and an event, whatever columns these have in the version at hand."""
    tables = sa.MetaData()
    with engine.begin() as con:
        tables.reflect(con, only=["documents", "attempts", "events"])
        for table in tables.sorted_tables:
            row = {column.name: VALUES[column.type.python_type] for column in table.columns if not column.nullable}
            con.execute(table.insert().values(row))


def put_version(engine: sa.Engine, revision: str) -> None:
    with engine.begin() as con:
        con.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))


def rows_of(engine: sa.Engine, table: str) -> list[Any]:
    with engine.begin() as con:
        return [row._asdict() for row in con.execute(sa.text(f"SELECT * FROM {table}"))]


def version_of(engine: sa.Engine) -> str | None:
    if not sa.inspect(engine).has_table(VERSION_TABLE):
        return None
    (row,) = rows_of(engine, VERSION_TABLE)
    return str(row["version_num"])


def schema_of(engine: sa.Engine) -> dict[str, Any]:
    inspector = sa.inspect(engine)
    return {
        name: dict(
            columns={c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(name)},
            primary_key=inspector.get_pk_constraint(name)["constrained_columns"],
            unique=sorted(str(each["column_names"]) for each in inspector.get_unique_constraints(name)),
            indexes=sorted(str((i["name"], i["column_names"], i["unique"])) for i in inspector.get_indexes(name)),
            references=[(f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(name)],
        )
        for name in TABLES & set(inspector.get_table_names())
    }


def test_a_new_database_gets_the_tables_that_the_package_declares(engine: sa.Engine) -> None:
    assert set(metadata.tables) == TABLES
    metadata.create_all(engine)
    declared = schema_of(engine)
    metadata.drop_all(engine)
    bring_up_to_date(engine)
    assert schema_of(engine) == declared
    assert version_of(engine) == NEWEST
    with engine.connect() as con:
        ours = dict(include_name=lambda name, kind, _: kind != "table" or name in TABLES)
        assert compare_metadata(MigrationContext.configure(con, opts=ours), metadata) == []


def test_the_newest_version_is_the_last_revision() -> None:
    assert ScriptDirectory.from_config(config_of(migrations.SCRIPTS)).get_heads() == [NEWEST]


def test_an_older_database_is_upgraded_and_keeps_its_data(engine: sa.Engine) -> None:
    config = config_of(migrations.SCRIPTS)
    with engine.begin() as con:
        config.attributes["connection"] = con
        command.upgrade(config, "0001")
    put_history(engine)
    bring_up_to_date(engine)
    assert version_of(engine) == NEWEST
    assert [len(rows_of(engine, name)) for name in ("documents", "attempts", "events")] == [1, 1, 1]


def test_a_table_that_others_refer_to_can_be_made_anew(engine: sa.Engine, scripts: Path) -> None:
    bring_up_to_date(engine)
    put_history(engine)
    next_revision(
        scripts,
        'with op.batch_alter_table("documents") as documents:',
        '    documents.alter_column("label", new_column_name="title")',
    )
    migrations.upgrade(engine)
    assert version_of(engine) == "next"
    assert [row["title"] for row in rows_of(engine, "documents")] == ["x"]
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as con:  # references are guarded again
        con.execute(sa.text("DELETE FROM documents"))


@pytest.mark.parametrize("fault", ['raise OSError("no space")', 'op.execute("DELETE FROM documents")'])
def test_an_upgrade_that_fails_changes_nothing(engine: sa.Engine, scripts: Path, fault: str) -> None:
    bring_up_to_date(engine)
    put_history(engine)
    before = schema_of(engine), rows_of(engine, "documents")
    next_revision(scripts, 'op.execute("ALTER TABLE documents ADD COLUMN more TEXT")', fault)
    with pytest.raises((OSError, RuntimeError, sa.exc.IntegrityError)):
        migrations.upgrade(engine)
    assert (schema_of(engine), rows_of(engine, "documents")) == before
    assert version_of(engine) == NEWEST


def test_a_newer_database_is_refused(engine: sa.Engine) -> None:
    bring_up_to_date(engine)
    put_version(engine, "9999")
    with pytest.raises(ConfigurationError) as refused:
        bring_up_to_date(engine)
    assert refused.value.sentence() == (
        f"The outbox database {migrations.name_of(engine.url)} was written by a newer version of st_erp_pipelines: its "
        f"schema is 9999, and this version knows those up to {NEWEST}. Install the version that wrote it or a newer "
        "one, or point ST_ERP_DATABASE_URL at another database."
    )
    assert version_of(engine) == "9999"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////srv/st_erp.sqlite", "/srv/st_erp.sqlite"),
        ("postgresql+psycopg://me:secret@db:5433/books?password=secret", "postgresql://db:5433/books"),
    ],
)
def test_a_sentence_names_the_database_without_its_password(url: str, name: str) -> None:
    assert migrations.name_of(sa.make_url(url)) == name


@pytest.mark.parametrize("missing", [(), ("rate_slots",), ("events", "links")])
def test_a_database_from_before_versions_is_taken_over(engine: sa.Engine, missing: tuple[str, ...]) -> None:
    first = first_tables()
    first.create_all(engine)
    put_history(engine)
    first.drop_all(engine, [first.tables[name] for name in missing])
    bring_up_to_date(engine)
    assert version_of(engine) == NEWEST
    assert set(schema_of(engine)) == TABLES
    assert len(rows_of(engine, "documents")) == len(rows_of(engine, "attempts")) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE events ADD COLUMN more TEXT", "events"),
        ("ALTER TABLE attempts DROP COLUMN late_outcome", "attempts"),
        ("DROP INDEX documents_due", "documents"),
        ("DROP TABLE links; CREATE TABLE links (url TEXT PRIMARY KEY)", "links"),
    ],
)
def test_other_tables_of_our_names_are_refused(engine: sa.Engine, change: str, named: str) -> None:
    first_tables().create_all(engine)
    with engine.begin() as con:
        for statement in change.split("; "):
            con.execute(sa.text(statement))
    before = schema_of(engine)
    with pytest.raises(ConfigurationError, match=f"not as the first version made them: {named}[.] Go on with the"):
        bring_up_to_date(engine)
    assert (schema_of(engine), version_of(engine)) == (before, None)


def test_the_tables_of_others_are_left_alone(engine: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    first_tables().create_all(engine)
    with engine.begin() as con:
        con.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        con.execute(sa.text("INSERT INTO alembic_version VALUES ('of Dagster')"))
        con.execute(sa.text("CREATE TABLE job_ticks (id INTEGER)"))
    with caplog.at_level("INFO"):
        bring_up_to_date(engine)
    assert rows_of(engine, "alembic_version") == [{"version_num": "of Dagster"}]
    assert version_of(engine) == NEWEST
    assert "job_ticks" not in caplog.text  # no talk of a removed table


def test_with_nothing_to_do_it_is_one_query(engine: sa.Engine) -> None:
    bring_up_to_date(engine)
    said: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    bring_up_to_date(engine)
    assert [text for text in said if text != "BEGIN"] == [f"SELECT version_num FROM {VERSION_TABLE}"]


def test_with_nothing_to_do_alembic_is_not_imported(engine: sa.Engine) -> None:
    bring_up_to_date(engine)
    program = """
        import sys
        from st_erp_pipelines.database import open_engine
        from st_erp_pipelines.outbox.migrate import bring_up_to_date
        engine = open_engine(sys.argv[1])
        bring_up_to_date(engine)
        engine.dispose()
        sys.exit("alembic" in sys.modules)
    """
    url = engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", dedent(program), url], check=True, timeout=60)


def test_several_processes_open_new_databases_at_once(
    new_database: Callable[[], str], opened: Callable[[str], sa.Engine]
) -> None:
    program = """
        import sys
        from st_erp_pipelines.database import open_engine
        from st_erp_pipelines.outbox import migrations
        from st_erp_pipelines.outbox.migrate import bring_up_to_date
        print("ready", flush=True)
        sys.stdin.readline()
        for url in sys.argv[1:]:
            engine = open_engine(url)
            bring_up_to_date(engine)
            engine.dispose()
    """
    urls = [new_database() for _ in range(10)]
    command = [sys.executable, "-W", "error", "-c", dedent(program), *urls]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    assert [each.stdout.readline() for each in processes] == ["ready\n"] * 3
    for each in processes:
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate(timeout=60)[1] for each in processes] == [""] * 3
    assert [version_of(opened(url)) for url in urls] == [NEWEST] * 10


def test_threads_of_one_process_open_several_databases_at_once(
    new_database: Callable[[], str], opened: Callable[[str], sa.Engine]
) -> None:
    engines = [opened(url) for _ in range(4) for url in [new_database()] * 2]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bring_up_to_date, engines))
    assert [version_of(engine) for engine in engines] == [NEWEST] * 8
