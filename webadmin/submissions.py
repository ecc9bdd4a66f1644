"""Submissions: a form sent twice (a double click, a reload) makes one record.

What was sent stands, as a digest, beside the change that it made (see `history.Change`).
"""

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import DateTime, String, Text, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from webadmin import prepared
from webadmin.database import db
from webadmin.history import Change


class Submission(db.Model):  # type: ignore[name-defined,misc]
    """What may be done once for ever, and has been."""

    __tablename__ = "webadmin_submission"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime, index=True)


class Made(NamedTuple):
    """What came of a submission: the id of the change, and the key of the record."""

    change: int
    key: str


_FIND = select(Change.id, Change.key).where(Change.submission == bindparam("which"))


def new_token() -> str:
    """Return a token for a form: what carries the same one and the same values is one form."""
    return secrets.token_urlsafe(16)


def digest(resource_name: str, token: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return what identifies a submission: going back and changing a value makes a new one."""
    data = json.dumps([resource_name, token, sorted(fields)])
    return hashlib.sha256(data.encode()).hexdigest()


def find(identifier: str) -> Made | None:
    """Return what came of a submission, or None where it is new."""
    rows = prepared.rows(_FIND, {"which": identifier})
    return Made(*rows[0]) if rows else None


def release(made: Made) -> None:
    """Let a submission make another record: what came of it is gone."""
    db.session.execute(update(Change).where(Change.id == made.change).values(submission=None))


def claim(name: str) -> bool:
    """Enter what may be done once, before it is done; return whether nobody has done it.

    Two at the same time: the second waits here until the first has committed.
    """
    if db.session.get(Submission, name) is not None:
        return False
    at = datetime.now(UTC).replace(tzinfo=None)
    db.session.add(Submission(digest=name, key="", created_at=at))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return False
    return True
