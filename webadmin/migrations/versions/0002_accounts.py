"""accounts, their passkeys and sessions, tries to sign in and their throttle."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

from webadmin.schema import TABLE_OPTIONS

revision = "0002"
down_revision = "0001"

# Of two spellings that a collation holds equal, one could pass for the other.
EMAIL = sa.String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")
BYTES = sa.LargeBinary(1000).with_variant(mysql.VARBINARY(1000), "mysql", "mariadb")
TABLES: dict[str, tuple[sa.Column[object], ...]] = {
    "webadmin_account": (
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", EMAIL, nullable=False, unique=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("two_factor", sa.String(20)),
        sa.Column("signed_in_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("password", sa.String(255)),
        sa.Column("fs_uniquifier", sa.String(64), nullable=False, unique=True),
        sa.Column("tf_totp_secret", sa.String(1000)),
        sa.Column("totp_counter", sa.BigInteger),
        sa.Column("mf_recovery_codes", sa.JSON),
        sa.Column("fs_webauthn_user_handle", sa.String(64), unique=True),
    ),
    "webadmin_passkey": (
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("webadmin_account.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("credential_id", BYTES, nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", sa.JSON),
        sa.Column("backup_state", sa.Boolean, nullable=False),
        sa.Column("device_type", sa.String(64), nullable=False),
        sa.Column("extensions", sa.Text),
        sa.Column("lastuse_datetime", sa.DateTime, nullable=False),
        sa.Column("usage", sa.String(64), nullable=False),
    ),
    "webadmin_session": (
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("webadmin_account.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("remember", sa.Boolean, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("device", sa.String(255), nullable=False),
    ),
    "webadmin_sign_in": (
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
    ),
    "webadmin_throttle": (
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.DateTime, nullable=False),
    ),
}
INDEXES = (
    ("ix_webadmin_passkey_account_id", "webadmin_passkey", ["account_id"]),
    ("ix_webadmin_session_account_id", "webadmin_session", ["account_id"]),
    ("ix_webadmin_sign_in_at", "webadmin_sign_in", ["at"]),
    ("ix_webadmin_sign_in_email", "webadmin_sign_in", ["email", "id"]),
    ("ix_webadmin_throttle_failed_at", "webadmin_throttle", ["failed_at"]),
)


def upgrade() -> None:
    """Make the tables and indexes, each where it does not exist."""
    done: list[str] = context.config.attributes["done"]
    for name, columns in TABLES.items():
        if not sa.inspect(op.get_bind()).has_table(name):
            op.create_table(name, *columns, **TABLE_OPTIONS)
        done.append(f"Made the table {name}.")
    for name, table, names in INDEXES:
        found = sa.inspect(op.get_bind()).get_indexes(table)
        if not any(index["name"] == name for index in found):
            op.create_index(name, table, names)
