"""The database: URIs as people type them, and writers that lose nothing."""

import multiprocessing
import threading
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select, text, update

from conftest import settings
from pages import stored
from webadmin import auth, create_app, schema
from webadmin.config import ConfigError
from webadmin.database import database_url, db, masked, writing
from webadmin.users import User

COUNTER = Table(
    "counter", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer)
)


@pytest.mark.parametrize(
    ("uri", "driver"),
    [
        ("sqlite:///db.sqlite", "sqlite"),
        ("sqlite://", "sqlite"),
        ("postgresql://username:password@localhost/dbname", "postgresql+psycopg"),
        ("postgres://username:password@localhost/dbname", "postgresql+psycopg"),
        ("postgresql+psycopg://u@/db?host=h1:1&host=h2:2", "postgresql+psycopg"),
        ("mariadb://username:password@host:3306/database", "mariadb+pymysql"),
        ("mysql://username:password@host/database", "mysql+pymysql"),
        ("mysql+pymysql://username@host/database", "mysql+pymysql"),
    ],
)
def test_uris_work_as_typed(uri: str, driver: str) -> None:
    assert database_url(uri, Path("/x")).drivername == driver


def test_a_relative_sqlite_path_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert database_url("sqlite:///db.sqlite", Path("/x")).database == str(tmp_path / "db.sqlite")


def test_without_a_uri_the_embedded_database_serves() -> None:
    assert database_url(None, Path("/some/folder")).database == "/some/folder/webadmin.sqlite"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("db.sqlite", "cannot be read. Write it like sqlite:///"),
        ("postgresql//localhost", "cannot be read"),
        ("postgresql://u:p@host:port/db", "Write it like"),
        ("oracle://u:p@host/db", "knows no database 'oracle'"),
        ("nosuch://host/db", "knows no database"),
        ("postgresql+psycopg2://u:secret@host/db", "driver"),
    ],
)
def test_a_wrong_uri_is_explained(uri: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        database_url(uri, Path("/x"))
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


def test_passwords_are_masked() -> None:
    assert "secret" not in masked(database_url("postgresql://u:secret@h/d", Path("/x")))


def test_each_dbms_is_set_up_for_safety(empty_app: Flask) -> None:
    with empty_app.app_context(), db.engine.connect() as connection:
        if db.engine.dialect.name == "sqlite":
            pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
            for name, value in pragmas.items():
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value
        elif db.engine.dialect.name == "postgresql":
            assert connection.exec_driver_sql("SHOW TimeZone").scalar() == "UTC"
        else:
            row = connection.exec_driver_sql(
                "SELECT @@time_zone, @@sql_mode, @@character_set_client"
            )
            zone, mode, charset = row.one()
            assert (zone, charset) == ("+00:00", "utf8mb4")
            assert "STRICT_ALL_TABLES" in mode


def _add_ones(uri: str, folder: Path, seconds: float, threads: int, ready, results) -> None:  # type: ignore[no-untyped-def]
    """Read, add one, write, commit, over and over; report how many commits were acknowledged."""
    app = create_app(settings(uri, folder))
    done, problems = [0] * threads, []
    ready.wait(60)  # a busy machine takes seconds to start a process
    deadline = time.monotonic() + seconds

    def work(number: int) -> None:
        try:
            while time.monotonic() < deadline:
                with app.app_context(), writing():
                    statement = select(COUNTER.c.n).with_for_update()
                    value = db.session.execute(statement).scalar_one()
                    db.session.execute(update(COUNTER).values(n=value + 1))
                    db.session.commit()
                done[number] += 1
        except Exception as error:
            problems.append(repr(error))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put((sum(done), min(done), problems))
    with app.app_context():
        db.engine.dispose()


def test_processes_that_read_modify_and_write_lose_nothing(
    database_uri: str, tmp_path: Path
) -> None:
    """Four processes of two threads for 10 s on SQLite, 3 s on the servers."""
    seconds = 10 if database_uri.startswith("sqlite") else 3
    engine = create_engine(database_url(database_uri, tmp_path))
    COUNTER.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(COUNTER), {"id": 1, "n": 0})
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (database_uri, tmp_path, seconds, 2, context.Barrier(4), results)
    processes = [context.Process(target=_add_ones, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    results.close()
    assert [problems for _, _, problems in answers] == [[]] * 4
    assert all(least > 0 for _, least, _ in answers), "somebody starved"
    with engine.connect() as connection:
        assert connection.execute(select(COUNTER.c.n)).scalar() == sum(n for n, _, _ in answers)
    engine.dispose()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    app = create_app(settings(f"sqlite:///{tmp_path / 'db.sqlite'}", tmp_path))
    with app.app_context():
        with writing(), db.engine.begin() as writer:
            writer.execute(text("CREATE TABLE t (x INTEGER)"))
            seen: list[object] = []

            def read() -> None:
                began = time.monotonic()
                with app.app_context(), db.engine.connect() as reader:
                    seen.append(reader.execute(text("SELECT count(*) FROM sqlite_master")).scalar())
                seen.append(time.monotonic() - began < 1)

            thread = threading.Thread(target=read)
            thread.start()
            thread.join()
            assert seen == [0, True]
        db.engine.dispose()


def test_a_writer_that_waits_too_long_is_told(tmp_path: Path) -> None:
    overrides = settings(f"sqlite:///{tmp_path / 'db.sqlite'}", tmp_path) | {"DATABASE_TIMEOUT": 1}
    app = create_app(overrides)
    with app.app_context():
        schema.upgrade()
        app.config["WTF_CSRF_ENABLED"] = False
        with writing(), db.engine.begin():
            answers = []
            other = threading.Thread(
                target=lambda: answers.append(
                    app.test_client().post("/users/new", data={"name": "Ada"})
                )
            )
            other.start()
            other.join()
        assert answers[0].status_code == 503
        assert "Send again" in answers[0].text
        assert app.test_client().post("/users/new", data={"name": "Ada"}).status_code == 303
        db.engine.dispose()


def test_a_request_that_reads_cannot_write(app: Flask) -> None:
    def write() -> str:
        db.session.add(User(name="Written by GET"))
        db.session.flush()
        return "written"

    app.add_url_rule("/write", "write", write)
    auth.require(app, "write", auth.Who.SIGNED_IN)
    assert app.test_client().get("/write").status_code == 500
    assert stored(app) == []


def test_connections_are_as_before_after_a_request_that_reads(app: Flask) -> None:
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    for number in range(3):
        assert client.get("/users/").status_code == 200
        assert client.post("/users/new", data={"name": f"N{number}"}).status_code == 303
    with app.app_context():
        db.session.add(User(name="rolled back"))
        db.session.flush()
        db.session.rollback()
    assert [name for _, name, _ in stored(app)] == ["N0", "N1", "N2"]
