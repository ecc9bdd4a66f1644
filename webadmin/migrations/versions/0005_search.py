"""index for searches in users.

What a DBMS cannot make is left out and told: searches then read the table.
"""

from alembic import context, op

from webadmin import search_making
from webadmin.search_indexes import Index
from webadmin.search_making import NoIndexError

revision = "0005"
down_revision = "0004"

USERS = Index("users", "id", ("name",))


def upgrade() -> None:
    """Make the index."""
    done: list[str] = context.config.attributes["done"]
    try:
        for _ in search_making.create(op.get_bind(), USERS):
            pass
    except NoIndexError as error:
        done.append(f"Searches in users have no index. {error}")
        return
    done.append("Made an index for searches in users.")
