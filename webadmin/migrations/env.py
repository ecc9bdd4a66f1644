"""Alembic runs its migrations through this file, in the transaction that schema.py began."""

from alembic import context

from webadmin.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
