"""users and submissions.

The table of users is the one that the SQLAlchemy tutorial makes: one that exists is kept as
it is, with its records.
"""

import sqlalchemy as sa
from alembic import context, op

from webadmin.config import ConfigError
from webadmin.schema import TABLE_OPTIONS

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the two tables, each where it does not exist."""
    done: list[str] = context.config.attributes["done"]
    done.append(_users())
    done.append(_submissions())


def _users() -> str:
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table("users"):
        op.create_table(
            "users",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(255), nullable=True),
            sa.Column("age", sa.Integer, nullable=True),
            **TABLE_OPTIONS,
        )
        return "Made the table users."
    present = {column["name"] for column in inspector.get_columns("users")}
    for needed in ("id", "name", "age"):
        if needed not in present:
            raise ConfigError(
                f"The table users has no column {needed}: webadmin needs the columns id, name "
                "and age. Add it, rename that table, or name another database in "
                "WEBADMIN_DATABASE_URI."
            )
    return "Kept the table users as it was, with its records."


def _submissions() -> str:
    name, index = "webadmin_submission", "ix_webadmin_submission_created_at"
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(
            name,
            sa.Column("digest", sa.String(64), primary_key=True),
            sa.Column("key", sa.Text, nullable=False),
            sa.Column("created_at", sa.DateTime, nullable=False),
            **TABLE_OPTIONS,
        )
    # Of its own: a process that ends between the two leaves a table without its index.
    if not any(found["name"] == index for found in sa.inspect(op.get_bind()).get_indexes(name)):
        op.create_index(index, name, ["created_at"])
    return f"Made the table {name}."
