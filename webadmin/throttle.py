"""The throttle: failed tries to sign in slow down the next ones, on every worker and host alike.

A try is counted before the password is looked at, so that many at the same time are no way
around it; one that succeeds is taken back. The waits grow exponentially up to a bound, and only
tries that were let through lengthen them: nobody is locked out for good. A browser that has
signed in to an account before has a counter of its own, so that strangers who try cannot keep
its owner out (OWASP, Device Cookies).
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module

from flask import request
from sqlalchemy import DateTime, Index, Integer, String, delete, select
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import TooManyRequests

from webadmin.accounts import LONGEST_EMAIL, normal_email
from webadmin.database import db, dialect
from webadmin.messages import ngettext

LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
KEPT = timedelta(days=90)  # how long the record of a try is kept


@dataclass(frozen=True)
class Limit:
    """How many tries are free, before each further one doubles the wait from one second on."""

    free: int

    def wait(self, failures: int) -> timedelta:
        """Return how long the next try must wait after a number of failures."""
        beyond = failures - self.free
        if beyond < 0:
            return timedelta(0)
        return min(timedelta(seconds=2 ** min(beyond, 20)), LONGEST_WAIT)


LIMITS = {
    "account": Limit(free=5),  # an account, by its email, whether or not it exists
    "device": Limit(free=5),  # a browser that has signed in to the account before
    "address": Limit(free=30),  # an address, behind which may be a whole office
    "code": Limit(free=5),  # second factors of an account
    "reset": Limit(free=3),  # reset links asked for one email
}


class SignIn(db.Model):  # type: ignore[name-defined,misc]
    """A try to sign in: when (UTC), as whom, from where, with what outcome. Never the password."""

    __tablename__ = "webadmin_sign_in"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    email: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(45))
    outcome: Mapped[str] = mapped_column(String(20))
    __table_args__ = (Index("ix_webadmin_sign_in_email", "email", "id"),)


class Throttle(db.Model):  # type: ignore[name-defined,misc]
    """A counter of failed tries, by the digest of what it counts."""

    __tablename__ = "webadmin_throttle"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    failed_at: Mapped[datetime] = mapped_column(DateTime, index=True)


class ThrottledError(TooManyRequests):
    """Too many failed tries; the answer says in `Retry-After` when the next may be made."""

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, int(wait.total_seconds()) + 1)
        super().__init__(retry_after=seconds)
        self.explanation = (
            ngettext(
                "Wait %(num)s second, then try again.",
                "Wait %(num)s seconds, then try again.",
                seconds,
            )
            if seconds < 90
            else ngettext(
                "Wait %(num)s minute, then try again.",
                "Wait %(num)s minutes, then try again.",
                -(-seconds // 60),
            )
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}:{name}".encode()).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """A try that was let through, and counted as failed until it succeeds.

    Attributes:
        row: The key of its record in `webadmin_sign_in`.
        counters: The digests of the counters that it is counted in.
    """

    row: int
    counters: tuple[str, ...]

    def failed(self, outcome: str) -> None:
        """Say how it failed, and commit that."""
        _finish(self.row, outcome)
        db.session.commit()

    def succeeded(self, outcome: str) -> None:
        """Take it back from the counters: that of the account begins anew. The caller commits."""
        for digest in sorted(self.counters):  # as in `_count`: nobody waits for each other
            counter = db.session.get(Throttle, digest, with_for_update=True, populate_existing=True)
            if counter is not None:
                own = digest == self.counters[0]
                counter.failures = 0 if own else max(0, counter.failures - 1)
        _finish(self.row, outcome)


def _finish(row: int, outcome: str) -> None:
    found = db.session.get(SignIn, row)
    if found is not None:
        found.outcome = outcome


def attempt(kind: str, email: str, device: str = "") -> Attempt:
    """Count a try to sign in before it is made. It commits: nothing waits while hashing.

    Args:
        kind: "account" for a password, "code" for a second factor, "reset" for a reset link.
        email: Whose account, as typed.
        device: What tells a browser that has signed in to this account before; "" for others.

    Raises:
        ThrottledError: Too many have failed; this one does not count.
    """
    name = _shown(email) or email.strip().lower()
    address = _network(request.remote_addr or "")
    wanted = [("device", device)] if device else [(kind, name), ("address", address)]
    pairs = [(_digest(each, of), LIMITS[each]) for each, of in wanted]
    wait, row = _counted_at_last(pairs, email)
    if wait:
        raise ThrottledError(wait)
    return Attempt(row, tuple(digest for digest, _ in pairs))


def _network(address: str) -> str:
    """Return what one customer of a provider has: an address, of IPv6 a /64 (RFC 6177)."""
    with suppress(ValueError):
        if ipaddress.ip_address(address).version == 6:
            return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return address


def _counted_at_last(pairs: Sequence[tuple[str, Limit]], email: str) -> tuple[timedelta, int]:
    """Count a try and record it; return how long to wait, and the key of the record.

    MariaDB may end one of two transactions that make the same counter: that one tries again.
    """
    for again in (True, True, False):
        at = _now()
        try:
            wait = _count(pairs, at)
            outcome = "too many tries" if wait else "not finished"
            row = _recorded(email, request.remote_addr or "", outcome, at)
            db.session.commit()
        except OperationalError:
            db.session.rollback()
            if not again:
                raise
        else:
            return wait, row
    raise AssertionError  # the last try returns or raises


def _count(pairs: Sequence[tuple[str, Limit]], at: datetime) -> timedelta:
    """Count a failure in each counter, unless one of them says to wait; return that wait."""
    # In one order everywhere, so that two tries never wait for each other.
    counters = [(_locked(digest, at), limit) for digest, limit in sorted(pairs, key=lambda p: p[0])]
    waits = []
    for counter, limit in counters:
        counter.failed_at = min(counter.failed_at, at)  # the clock may have been set back
        if at - counter.failed_at > FORGOTTEN_AFTER:
            counter.failures = 0
        waits.append(limit.wait(counter.failures) - (at - counter.failed_at))
    longest = max(waits)
    if longest > timedelta(0):
        return longest
    for counter, _ in counters:
        counter.failures += 1
        counter.failed_at = at
    return timedelta(0)


def _locked(digest: str, at: datetime) -> Throttle:
    """Return a counter, locked until the end of the transaction; made where there is none."""
    values = {"digest": digest, "failures": 0, "failed_at": at}
    if dialect() in ("sqlite", "postgresql"):
        # The same statement on both (PostgreSQL manual, INSERT; SQLite manual, UPSERT). The engine
        # has loaded its own dialect; another one takes a moment.
        insert = import_module(f"sqlalchemy.dialects.{dialect()}").insert
        db.session.execute(insert(Throttle).values(values).on_conflict_do_nothing())
    else:
        # Not INSERT IGNORE, whose shared lock two transactions could hold at the same time.
        made = mysql.insert(Throttle).values(values)
        db.session.execute(made.on_duplicate_key_update(digest=digest))
    return db.session.get_one(Throttle, digest, with_for_update=True, populate_existing=True)


def _shown(email: str) -> str:
    """Return what is recorded of an email: what is none may be a password in the wrong field."""
    try:
        return normal_email(email) if len(email) <= LONGEST_EMAIL else ""
    except ValueError:
        return ""


def _recorded(email: str, address: str, outcome: str, at: datetime) -> int:
    record = SignIn(at=at, email=_shown(email), address=address[:45], outcome=outcome)
    db.session.add(record)
    db.session.flush()
    if secrets.randbelow(100) == 0:  # old ones go now and then, not with every try
        db.session.execute(delete(SignIn).where(SignIn.at < at - KEPT))
        db.session.execute(delete(Throttle).where(Throttle.failed_at < at - FORGOTTEN_AFTER))
    return record.id


def record(email: str, outcome: str) -> None:
    """Record a try that needs no counter, such as one with a passkey; the caller commits."""
    _recorded(email, request.remote_addr or "", outcome, _now())


def recent(email: str, most: int) -> Sequence[SignIn]:
    """Return the last tries to sign in as somebody, the latest first."""
    statement = select(SignIn).where(SignIn.email == email).order_by(SignIn.id.desc())
    return db.session.scalars(statement.limit(most)).all()
