"""Sessions: who is signed in, kept in the database, so that ending one really ends it.

The cookie holds a random token; the table holds its digest. Each request reads one row by its
primary key, with the account's own values joined to it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from flask import g, request, session
from sqlalchemy import (
    DateTime,
    ForeignKey,
    Select,
    String,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from webadmin import context, prepared
from webadmin.accounts import Account, now
from webadmin.database import db, reading, release, writing
from webadmin.permissions import Role

TOKEN = "token"  # noqa: S105 - the name of the cookie's entry
FLASHES = "_flashes"  # the key of Flask's messages in a session
# Written past the session: it is no change of the account that its history should tell.
_ACCOUNT: Any = Account.__table__
_role = cache(Role)  # an Enum finds its members by code in Python
SEEN_EVERY = timedelta(minutes=1)
LONGEST_DEVICE = 255
MOST_FORGOTTEN = 1000  # old sessions that one sign-in removes


class SessionRecord(db.Model):  # type: ignore[name-defined,misc]
    """One browser that is signed in. Times are in UTC."""

    __tablename__ = "webadmin_session"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("webadmin_account.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(DateTime)
    seen_at: Mapped[datetime] = mapped_column(DateTime)
    remember: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str] = mapped_column(String(45))
    device: Mapped[str] = mapped_column(String(LONGEST_DEVICE))


@dataclass(frozen=True)
class SignedIn:
    """The account that asks: what each request knows of it without loading it."""

    id: int
    email: str
    role: Role
    session: str  # the digest of its session


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def start(account: Account, remember: bool) -> None:
    """Sign an account in, under a new token; the caller commits."""
    token = secrets.token_urlsafe(32)
    session[TOKEN] = token
    session.permanent = remember
    # What strangers' forms carried is worth nothing any more.
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    at = _now()
    device = request.headers.get("User-Agent", "")[:LONGEST_DEVICE]
    # The account first: MariaDB's foreign key shares its row with whoever signs in as well, and
    # two who then want to write it would wait for each other.
    db.session.execute(
        _ACCOUNT.update().where(_ACCOUNT.c.id == account.id).values(signed_in_at=now())
    )
    db.session.add(
        SessionRecord(
            digest=_digest(token),
            account_id=account.id,
            created_at=at,
            seen_at=at,
            remember=remember,
            address=(request.remote_addr or "")[:45],
            device=device,
        )
    )
    _forget_old(at)


def _forget_old(at: datetime) -> None:
    """Remove sessions that nobody can use any more, now and then."""
    if secrets.randbelow(20) == 0:
        oldest = at - max(_lifetime(True), _lifetime(False))
        # Read first, without locks: MariaDB would lock every session that it looks at.
        old = select(SessionRecord.digest).where(SessionRecord.created_at < oldest)
        digests = db.session.scalars(old.limit(MOST_FORGOTTEN)).all()
        if digests:
            db.session.execute(delete(SessionRecord).where(SessionRecord.digest.in_(digests)))


def _lifetime(remember: bool) -> timedelta:
    if remember:
        return timedelta(days=context.app().config["REMEMBER_DAYS"])
    return timedelta(hours=context.app().config["SESSION_LIFETIME_HOURS"])


def _idle(remember: bool) -> timedelta:
    if remember:
        return _lifetime(True)
    return timedelta(minutes=context.app().config["SESSION_IDLE_MINUTES"])


def current() -> SignedIn | None:
    """Return the account that this request is signed in with, or None."""
    kept = context.g()
    if "signed_in" not in kept:
        kept.signed_in = _current()
    found: SignedIn | None = kept.signed_in
    return found


def forget_current() -> None:
    """Let `current` look again: somebody has signed in or out during this request."""
    g.pop("signed_in", None)


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    return (
        select(
            SessionRecord.created_at,
            SessionRecord.seen_at,
            SessionRecord.remember,
            Account.id,
            Account.email,
            Account.role,
        )
        .join(Account, Account.id == SessionRecord.account_id)
        .where(SessionRecord.digest == bindparam("digest"), Account.active)
    )


def _current() -> SignedIn | None:
    token = context.session().get(TOKEN)
    if not isinstance(token, str):
        return None
    digest = _digest(token)
    with reading():  # who may do what waits for nobody who writes
        rows = prepared.rows(_statement(), {"digest": digest})
    if not rows:
        return None
    created_at, seen_at, remember, key, email, role = rows[0]
    at = _now()
    # A clock that was set back makes ages negative: that ends no session.
    if at - created_at > _lifetime(remember) or at - seen_at > _idle(remember):
        return None
    if abs(at - seen_at) > SEEN_EVERY:
        _see(digest, at)
    return SignedIn(key, email, _role(role), digest)


def _see(digest: str, at: datetime) -> None:
    """Note when a session was last used, without waiting for another writer."""
    address = (request.remote_addr or "")[:45]
    statement = update(SessionRecord).where(SessionRecord.digest == digest)
    statement = statement.values(seen_at=at, address=address)
    release()  # one connection a request is enough
    try:
        with writing(patience=0), db.engine.begin() as connection:
            connection.execute(statement)
    except DBAPIError:
        pass  # the next request notes it


def end(account_id: int, digest: str) -> bool:
    """End a session of an account, if it is one; the caller commits."""
    statement = delete(SessionRecord).where(
        SessionRecord.digest == digest, SessionRecord.account_id == account_id
    )
    return bool(db.session.execute(statement).rowcount)  # type: ignore[attr-defined]


def end_current() -> None:
    """End this browser's session; the caller commits."""
    session.pop(FLASHES, None)  # the next person is not to see them
    token = session.pop(TOKEN, None)
    if isinstance(token, str):
        db.session.execute(delete(SessionRecord).where(SessionRecord.digest == _digest(token)))
    forget_current()


def of_account(account_id: int) -> list[SessionRecord]:
    """Return the sessions of an account that are still good, the last used first."""
    statement = select(SessionRecord).where(SessionRecord.account_id == account_id)
    found = db.session.scalars(statement.order_by(SessionRecord.seen_at.desc())).all()
    at = _now()
    return [
        each
        for each in found
        if at - each.created_at <= _lifetime(each.remember)
        and at - each.seen_at <= _idle(each.remember)
    ]


# The first that a User-Agent names: Edge and Opera call themselves Chrome, and that Safari.
_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")
_NAMES = {"Edg": "Edge", "OPR": "Opera", "Mac OS X": "macOS"}


def device_name(agent: str) -> str:
    """Return what people call the browser and system of a User-Agent, "" where neither is known."""
    found = [
        next((_NAMES.get(name, name) for name in names if name in agent), "")
        for names in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(name for name in found if name)


def is_remembered() -> bool:
    """Return whether this browser was to be remembered when it signed in."""
    return bool(session.permanent)
