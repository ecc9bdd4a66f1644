"""indexes of lists: what users and accounts can be sorted and filtered by.

On a table that somebody else made as well, unless it has one that does the same. To build them
takes some seconds for a million records, and on PostgreSQL nobody writes to the table meanwhile.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from webadmin import indexes

revision = "0004"
down_revision = "0003"

COLUMNS = {
    "users": ("name", "age"),
    "webadmin_account": ("role", "active", "two_factor", "signed_in_at"),
}
# MariaDB: the key is too long, a TEXT has no length. PostgreSQL: a text is too long.
TOO_LONG = {1071, 1170, "54000"}


def upgrade() -> None:
    """Make each index where the table has none that begins so."""
    for table, names in COLUMNS.items():
        for name in names:
            _make(table, name)


def _make(table: str, name: str) -> None:
    done: list[str] = context.config.attributes["done"]
    known = sa.Table(table, sa.MetaData(), sa.Column("id", primary_key=True), sa.Column(name))
    have = indexes.existing(known, op.get_bind().execute)
    if indexes.serving((name, "id"), 2, known, have):
        return
    index = f"ix_{table}_{name}"
    try:
        _create(index, table, name)
    except sa.exc.DBAPIError as error:
        cause: Any = error.orig
        if not TOO_LONG & {getattr(cause, "sqlstate", None), *cause.args[:1]}:
            raise
        done.append(
            f"Made no index {index}: texts in the column {name} of {table} may be longer than an "
            "entry of an index. Lists sorted by it are slow when there are many records."
        )
    else:
        done.append(f"Made the index {index}.")


def _create(index: str, table: str, name: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(index, table, [name, "id"])
        return
    with op.get_bind().begin_nested():  # a statement that is refused ends the transaction there
        op.create_index(index, table, [name, "id"])
