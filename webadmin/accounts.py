"""Accounts: the people who sign in, what is known of them, and the rules that always hold."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

import email_validator
from flask_security import UserMixin, WebAuthnMixin
from flask_wtf import FlaskForm
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    event,
    inspect,
    literal,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship, synonym, validates
from wtforms.validators import StopValidation

from webadmin.database import db
from webadmin.fields import Check, MaxLength, Required, TextField, TypedField
from webadmin.messages import gettext
from webadmin.messages import lazy_gettext as _l
from webadmin.permissions import ADMINS, Action, Role
from webadmin.resource import Resource
from webadmin.saving import RefusedError

LONGEST_EMAIL = 254  # characters that an address may have (RFC 5321, 4.5.3.1.3)


def _secret(label: Any) -> dict[str, Any]:
    """Return what marks a column whose values no page or file shows, only that they changed."""
    return {"secret": True, "label": label}


ROLES = Enum(*(role.value for role in Role), native_enum=False, length=20, name="role")
# How addresses are checked: those of an intranet are as good as others.
EMAIL_RULES: dict[str, Any] = {"check_deliverability": False, "globally_deliverable": False}
# The library's own way to allow names that mean something in a network of one's own.
for _name in ("local", "localhost", "test"):
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)
_BYTES = LargeBinary(1000).with_variant(mysql.VARBINARY(1000), "mysql", "mariadb")


def normal_email(text: str) -> str:
    """Return an email address in the one form in which it is kept and looked up.

    Raises:
        ValueError: It is none; the message says what would be right.
    """
    try:
        found = email_validator.validate_email(text.strip(), **EMAIL_RULES)
    except email_validator.EmailNotValidError:
        raise ValueError(gettext("Write an email address such as ada@example.com.")) from None
    return found.normalized.lower()


def _random() -> str:
    return uuid.uuid4().hex


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Account(db.Model, UserMixin):  # type: ignore[name-defined,misc]
    """A person who signs in. The names of its secret columns are those of Flask-Security."""

    __tablename__ = "webadmin_account"
    # Rules of this module listen to its objects: no statement writes past them.
    __table_args__: ClassVar[Any] = (
        *(
            Index(f"ix_webadmin_account_{name}", name, "id")
            for name in ("role", "active", "two_factor", "signed_in_at")
        ),
        {"info": {"rules": True}},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(
        String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb"),
        unique=True,
    )
    role: Mapped[str] = mapped_column(ROLES)
    active: Mapped[bool] = mapped_column(default=True)
    two_factor: Mapped[str | None] = mapped_column(String(20), info={"label": _l("Second factor")})
    signed_in_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), info={"label": _l("Last sign-in")}
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=now, info={"label": _l("Created")}
    )
    password: Mapped[Any] = mapped_column(String(255), nullable=True, info=_secret(_l("Password")))
    fs_uniquifier: Mapped[str] = mapped_column(
        String(64), unique=True, default=_random, info=_secret(_l("Links given out before"))
    )
    tf_totp_secret: Mapped[Any] = mapped_column(
        String(1000), nullable=True, info=_secret(_l("Key of the second factor"))
    )
    totp_counter: Mapped[int | None] = mapped_column(BigInteger, info=_secret(_l("Code used last")))
    mf_recovery_codes: Mapped[Any] = mapped_column(
        MutableList.as_mutable(JSON(none_as_null=True)),
        nullable=True,
        info=_secret(_l("Recovery codes")),
    )
    fs_webauthn_user_handle: Mapped[Any] = mapped_column(
        String(64), unique=True, nullable=True, default=_random, info=_secret(_l("Passkeys"))
    )
    webauthn: Mapped[list["Passkey"]] = relationship(  # type: ignore[assignment]
        back_populates="account", cascade="all, delete-orphan", passive_deletes=True
    )
    tf_primary_method = synonym("two_factor")

    @validates("email")
    def _lower(self, _name: str, email: str) -> str:
        return email.lower()

    def verify_and_update_password(self, password: str) -> bool:
        """Return whether a password is right; nobody waits for this transaction meanwhile."""
        db.session.commit()  # hashing takes a tenth of a second, with SQLite's write lock held
        right: bool = super().verify_and_update_password(password)
        return right


class Passkey(db.Model, WebAuthnMixin):  # type: ignore[name-defined,misc]
    """A passkey of an account (WebAuthn). The names of its columns are Flask-Security's."""

    __tablename__ = "webadmin_passkey"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("webadmin_account.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(64))
    credential_id: Mapped[bytes] = mapped_column(_BYTES, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    transports: Mapped[Any] = mapped_column(JSON, nullable=True)
    backup_state: Mapped[bool] = mapped_column(default=False)
    device_type: Mapped[str] = mapped_column(String(64))
    extensions: Mapped[str | None] = mapped_column(Text)
    lastuse_datetime: Mapped[datetime] = mapped_column(DateTime)
    usage: Mapped[str] = mapped_column(String(64))
    account: Mapped[Account] = relationship(back_populates="webauthn")

    def get_user_mapping(self) -> dict[str, Any]:
        """Return what finds the account that it belongs to."""
        return {"id": self.account_id}


class Email(Check):
    """Accepts an email address, and turns it into its one form."""

    def check(self, field: Any) -> None:
        """Raise StopValidation with a message."""
        try:
            field.data = normal_email(field.data or "")
        except ValueError as error:
            raise StopValidation(str(error)) from None


class AccountForm(FlaskForm):  # type: ignore[misc]
    """What an administrator may write to an account."""

    email = TextField(_l("Email"), [Required(), MaxLength(LONGEST_EMAIL), Email()])
    role = TypedField(
        _l("Role"),
        [Required()],
        of=ROLES,
        nullable=False,
        default=Role.VIEWER.value,
        choices=[
            (Role.VIEWER.value, _l("viewer: sees and exports")),
            (Role.EDITOR.value, _l("editor: also creates, edits and imports")),
            (Role.ADMIN.value, _l("admin: also deletes, and manages accounts")),
        ],
    )
    active = TypedField(
        _l("Active"), of=Account.__table__.c.active.type, nullable=False, default=True
    )


ACCOUNTS = Resource(
    model=Account,
    name="accounts",
    labels=(_l("Account"), _l("Accounts")),
    list_display=("email", "role", "active", "two_factor", "signed_in_at"),
    search_fields=("email",),
    list_filter=("role", "active"),
    ordering=("email",),
    form=AccountForm,
    # Who has left is disabled, and stays in the history; each has to choose a password.
    permissions={
        **dict.fromkeys(Action, ADMINS),
        **dict.fromkeys((Action.DELETE, Action.IMPORT), ()),
    },
)


def exist() -> bool:
    """Return whether there is any account."""
    return db.session.execute(select(literal(1)).select_from(Account).limit(1)).first() is not None


def find(email: str) -> Account | None:
    """Return the account with an email address, in whichever way that is written, or None."""
    with suppress(ValueError):
        email = normal_email(email)
    found: Account | None = db.session.scalar(select(Account).where(Account.email == email.lower()))
    return found


def renew(account: Account) -> None:
    """Make links that were given out for an account worthless."""
    account.fs_uniquifier = _random()


def reset_two_factor(account: Account) -> None:
    """Take the second factor from an account whose owner has lost it; the caller commits."""
    account.two_factor = account.tf_totp_secret = account.mf_recovery_codes = None


def _keep_rules(session: Session, *_: object) -> None:
    """End the sessions of accounts that are shut out, and keep one active administrator.

    Raises:
        RefusedError: The last active administrator would be demoted, disabled or deleted.
    """
    changed = [each for each in session.dirty if isinstance(each, Account)]
    gone = [each for each in session.deleted if isinstance(each, Account)]
    for account in changed:
        state: Any = inspect(account).attrs
        if state.email.history.deleted:
            renew(account)  # links that went to the old address
        shut_out = state.active.history.deleted and not account.active
        if shut_out or state.password.history.deleted or state.email.history.deleted:
            _end_sessions(session, account)
    if any(_was_admin(each) for each in [*changed, *gone]):
        _keep_an_admin(session, changed, gone)


def _end_sessions(session: Session, account: Account) -> None:
    table = db.metadata.tables["webadmin_session"]
    session.connection().execute(table.delete().where(table.c.account_id == account.id))


def _was_admin(account: Account) -> bool:
    """Return whether an account was an active administrator's before a flush."""
    state: Any = inspect(account)
    was = {
        name: (state.attrs[name].history.deleted or [getattr(account, name)])[0]
        for name in ("role", "active", "password")
    }
    return bool(was["role"] == Role.ADMIN.value and was["active"] and was["password"])


def is_admin(account: Account) -> bool:
    """Return whether an account is an active administrator's, who can sign in."""
    return bool(account.role == Role.ADMIN.value and account.active and account.password)


def _keep_an_admin(session: Session, changed: Iterable[Account], gone: Iterable[Account]) -> None:
    touched = [each.id for each in [*changed, *gone]]
    if any(is_admin(each) for each in changed):
        return
    # Locked: of two administrators who demote each other one waits, and then is refused.
    others = select(Account.id).where(
        Account.role == Role.ADMIN.value,
        Account.active,
        Account.password.is_not(None),
        Account.id.not_in(touched),
    )
    if session.connection().execute(others.with_for_update()).first() is None:
        raise RefusedError(
            gettext(
                "This is the last active administrator. Make somebody else an administrator first."
            ),
            "role",
            "active",
        )


event.listen(db.session, "before_flush", _keep_rules)
