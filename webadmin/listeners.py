"""Listeners: whether a developer's code hears of the objects of a model.

Where none does, a record is a row, which a statement writes in a third of the time that the
session takes. SQLAlchemy manual, ORM Events.
"""

from typing import Any

from sqlalchemy.orm import Mapper

from webadmin.database import db

# Who hears of a new object, and how many of them are webadmin's own, which need not.
_OF_MAPPER = {"before_insert": 0, "after_insert": 1}
_OF_SESSION = {
    "before_flush": 2,
    "after_flush": 1,
    "after_flush_postexec": 0,
    "before_attach": 0,
    "after_attach": 0,
    "transient_to_pending": 0,
    "pending_to_persistent": 0,
}


def hear(mapper: Mapper[Any]) -> bool:
    """Return whether listeners, validators or the model itself do something to a new object."""
    return (
        mapper.version_id_col is not None
        or _are_more(mapper.dispatch, _OF_MAPPER)
        or _are_more(db.session().dispatch, _OF_SESSION)
        or any(each.class_attribute.dispatch.set for each in mapper.column_attrs)
        or getattr(mapper.class_, "__setattr__", None) is not object.__setattr__
    )


def _are_more(dispatch: Any, own: dict[str, int]) -> bool:
    return any(len(getattr(dispatch, name)) > number for name, number in own.items())
