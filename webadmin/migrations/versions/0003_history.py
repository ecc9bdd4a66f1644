"""history.

The table only grows; each index is looked for by itself, since MariaDB commits at each of them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

from webadmin.schema import TABLE_OPTIONS

revision = "0003"
down_revision = "0001"

NAME = "webadmin_change"
MARIADB = ("mysql", "mariadb")
FIRST: dict[str, Any] = {
    "sqlite_where": sa.text("number = 1"),
    "postgresql_where": sa.text("number = 1"),
}
UNDOING: dict[str, Any] = {
    "sqlite_where": sa.text("undoes IS NOT NULL"),
    "postgresql_where": sa.text("undoes IS NOT NULL"),
}
INDEXES: tuple[tuple[str, list[str], dict[str, Any]], ...] = (
    ("record", ["resource", "key", "id"],
     {"mysql_length": {"key": 255}, "mariadb_length": {"key": 255}}),
    ("batch", ["batch", "id"], {}),
    ("first", ["number", "id"], FIRST),
    ("resource", ["number", "resource", "id"], FIRST),
    ("account", ["number", "account_id", "id"], FIRST),
    ("at", ["number", "at"], FIRST),
    ("undoes", ["undoes"], UNDOING),
)  # fmt: skip


def upgrade() -> None:
    """Make the table and its indexes, each where it does not exist."""
    long = sa.Text().with_variant(mysql.LONGTEXT(), *MARIADB)
    if not sa.inspect(op.get_bind()).has_table(NAME):
        op.create_table(
            NAME,
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
            sa.Column(
                "at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), *MARIADB), nullable=False
            ),
            sa.Column("account_id", sa.BigInteger),
            sa.Column("account", sa.String(255)),
            sa.Column("resource", sa.String(150), nullable=False),
            sa.Column(
                "key",
                sa.Text().with_variant(mysql.TEXT(collation="utf8mb4_bin"), *MARIADB),
                nullable=False,
            ),
            sa.Column("action", sa.String(10), nullable=False),
            sa.Column("before", long),
            sa.Column("after", long),
            sa.Column("batch", sa.String(16), nullable=False),
            sa.Column("number", sa.Integer, nullable=False),
            sa.Column("source", sa.String(255)),
            sa.Column("undoes", sa.BigInteger),
            **TABLE_OPTIONS,
        )
    present = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(NAME)}
    for name, columns, options in INDEXES:
        if f"ix_{NAME}_{name}" not in present:
            op.create_index(f"ix_{NAME}_{name}", NAME, columns, **options)
    done: list[str] = context.config.attributes["done"]
    done.append(f"Made the table {NAME}.")
