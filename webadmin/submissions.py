"""Submissions: a form sent twice (a double click, a reload) makes one record."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import DateTime, String, Text, delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from webadmin.database import db

KEPT = timedelta(days=1)


class Submission(db.Model):  # type: ignore[name-defined,misc]
    """A form that made a record: the digest of what was sent, and the key that came of it."""

    __tablename__ = "webadmin_submission"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime, index=True)


def new_token() -> str:
    """Return a token for a form: what carries the same one and the same values is one form."""
    return secrets.token_urlsafe(16)


def digest(resource_name: str, token: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return what identifies a submission: going back and changing a value makes a new one."""
    data = json.dumps([resource_name, token, sorted(fields)])
    return hashlib.sha256(data.encode()).hexdigest()


def claim(identifier: str) -> Submission | None:
    """Enter a submission in the current transaction; None if it was entered before.

    Two at the same time: the second waits here until the first has committed.
    """
    if db.session.get(Submission, identifier) is not None:
        return None
    submission = Submission(digest=identifier, key="", created_at=_now())
    db.session.add(submission)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return None
    if secrets.randbelow(100) == 0:  # old ones go now and then, not on every save
        db.session.execute(delete(Submission).where(Submission.created_at < _now() - KEPT))
    return submission


def made(identifier: str) -> Submission:
    """Return a submission that was entered before."""
    return db.session.get_one(Submission, identifier)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
