"""Alembic migrations of webadmin's own tables. `schema.upgrade()` runs them.

A new one is a file in `versions/`, and its number becomes `schema.HEAD`. MariaDB commits at
every CREATE and ALTER, so each step first looks whether it has been taken already.
"""
