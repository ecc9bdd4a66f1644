"""Submissions: a form sent twice (a double click, a reload) makes one record."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, String, Text, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from webadmin import prepared
from webadmin.database import db

KEPT = timedelta(days=1)


class Submission(db.Model):  # type: ignore[name-defined,misc]
    """A form that made a record: the digest of what was sent, and the key that came of it."""

    __tablename__ = "webadmin_submission"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime, index=True)


# Statements past the session's objects, which take several times longer.
_TABLE: Any = Submission.__table__
_THIS = _TABLE.c.digest == bindparam("which")
_FIND, _ENTER = select(_TABLE.c.key).where(_THIS), insert(_TABLE)
_KEEP = update(_TABLE).where(_THIS).values(key=bindparam("to"))


def new_token() -> str:
    """Return a token for a form: what carries the same one and the same values is one form."""
    return secrets.token_urlsafe(16)


def digest(resource_name: str, token: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return what identifies a submission: going back and changing a value makes a new one."""
    data = json.dumps([resource_name, token, sorted(fields)])
    return hashlib.sha256(data.encode()).hexdigest()


def find(identifier: str) -> str | None:
    """Return the key that came of a submission, or None where it is new."""
    rows = prepared.rows(_FIND, {"which": identifier})
    return str(rows[0][0]) if rows else None


def enter(identifier: str, key: str, again: bool = False) -> None:
    """Enter a submission in the current transaction.

    Two at the same time: the second waits here until the first has committed.

    Args:
        identifier: Its digest.
        key: The key that came of it.
        again: Whether it was entered before, with another key.

    Raises:
        IntegrityError: Somebody else has entered it since.
    """
    if again:
        prepared.write(_KEEP, {"which": identifier, "to": key})
        return
    prepared.write(_ENTER, {"digest": identifier, "key": key, "created_at": _now()})
    if secrets.randbelow(100) == 0:  # old ones go now and then, not on every save
        db.session.connection().execute(delete(_TABLE).where(_TABLE.c.created_at < _now() - KEPT))


def claim(identifier: str) -> bool:
    """Enter what may be done once, before it is done; return whether nobody has done it."""
    if find(identifier) is not None:
        return False
    try:
        enter(identifier, "")
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
