"""What can be done to records, and which roles may do it. Knows no Flask."""

from collections.abc import Mapping
from enum import Enum


class Action(Enum):
    """Something done to records; every page names the one that it needs."""

    VIEW = "view"
    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"
    EXPORT = "export"
    IMPORT = "import"

    __hash__ = object.__hash__  # Enum's own is written in Python, and a page asks forty times


class Role(Enum):
    """What an account may do: each role may do all that the one before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


Permissions = Mapping[Action, tuple[Role, ...]]

ALL = (Role.VIEWER, Role.EDITOR, Role.ADMIN)
EDITORS = (Role.EDITOR, Role.ADMIN)
ADMINS = (Role.ADMIN,)

# A resource may say otherwise: Resource(permissions={Action.DELETE: EDITORS}).
PERMISSIONS: Permissions = {
    Action.VIEW: ALL,
    Action.EXPORT: ALL,
    Action.CREATE: EDITORS,
    Action.EDIT: EDITORS,
    Action.IMPORT: EDITORS,
    Action.DELETE: ADMINS,
}


def allowed(role: Role, action: Action, permissions: Permissions) -> bool:
    """Return whether a role may take an action.

    Who may not see records may not do anything else to them.

    Args:
        role: The role of the account that asks.
        action: What it wants to do.
        permissions: What the resource says otherwise than `PERMISSIONS`.
    """
    view = permissions.get(Action.VIEW, PERMISSIONS[Action.VIEW])
    return role in permissions.get(action, PERMISSIONS[action]) and role in view
