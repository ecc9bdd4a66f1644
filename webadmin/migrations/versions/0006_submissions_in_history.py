"""submissions in the history: which form made a record stands beside the change that it is.

It spares a statement and a table to each save. The column is added without writing the table anew;
it is empty in what was there before.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0006"
down_revision = "0005"

NAME, COLUMN = "webadmin_change", "submission"
INDEX = f"ix_{NAME}_{COLUMN}"
SUBMITTED: dict[str, Any] = {
    "sqlite_where": sa.text(f"{COLUMN} IS NOT NULL"),
    "postgresql_where": sa.text(f"{COLUMN} IS NOT NULL"),
}


def upgrade() -> None:
    """Add the column and its index, each where there is none, and empty the table of before."""
    found = sa.inspect(op.get_bind())
    if all(column["name"] != COLUMN for column in found.get_columns(NAME)):
        op.add_column(NAME, sa.Column(COLUMN, sa.String(64)))
    if all(index["name"] != INDEX for index in found.get_indexes(NAME)):
        op.create_index(INDEX, NAME, [COLUMN], unique=True, **SUBMITTED)
    # What has no key was claimed, to be done once for ever.
    op.execute("DELETE FROM webadmin_submission WHERE digest <> 'first account'")
    done: list[str] = context.config.attributes["done"]
    done.append("The history keeps which form made a record.")
