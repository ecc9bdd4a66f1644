"""The databases that tests are given: no test sees what an earlier one left."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, MetaData, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from conftest import database_with_tables, settings
from kin import Kin, family
from pages import add_people, stored
from webadmin import create_app
from webadmin.database import database_url, db, writing


def given(kind: str, folder: Path, servers: dict[str, URL | str]) -> str:
    """Return the URI of what a test is given."""
    return database_with_tables(kind, folder, servers, ["kin"], Kin.metadata)


def seen(uri: str) -> dict[str, Any]:
    """Return what a test finds: of each table its columns, indexes, foreign keys and records."""
    engine, tables = create_engine(database_url(uri, Path()), poolclass=NullPool), MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        inspector = inspect(connection)
        return {
            name: (
                [(each.name, str(each.type), each.nullable) for each in table.columns],
                sorted(str(each["name"]) for each in inspector.get_indexes(name)),
                len(inspector.get_foreign_keys(name)),
                [tuple(row) for row in connection.execute(table.select())],
            )
            for name, table in tables.tables.items()
        }


DONE = (
    "SELECT 1",
    "ALTER TABLE users ADD COLUMN more INTEGER",
    "DROP TABLE toy",
    "UPDATE webadmin_version SET version_num = '0001'",
)


def test_it_is_as_if_it_were_new(
    database_kind: str, servers: dict[str, URL | str], tmp_path: Path
) -> None:
    new = seen(given(database_kind, tmp_path, servers))
    assert {"users", "webadmin_change", "person", "toy"} <= set(new)
    for statement in DONE:
        uri = given(database_kind, tmp_path, servers)
        assert seen(uri) == new
        app = create_app(settings(uri, tmp_path) | {"RESOURCES": ["kin"]})
        add_people(app)
        assert stored(app)[0][0] == 1
        with app.app_context(), writing():
            family()
            db.session.execute(text(statement))
            db.session.commit()
            db.engine.dispose()
        assert seen(uri) != new
    assert seen(given(database_kind, tmp_path, servers)) == new
