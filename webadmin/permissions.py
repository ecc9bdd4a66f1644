"""What can be done to records. Knows no Flask."""

from enum import Enum


class Action(Enum):
    """Something done to records; every page names the one that it needs."""

    VIEW = "view"
    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"
