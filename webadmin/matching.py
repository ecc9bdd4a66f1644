"""What a person chooses for a file to import: which column is which, and what is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from webadmin import filters, forms, notation, rows
from webadmin.messages import gettext
from webadmin.permissions import Action
from webadmin.resource import Resource

MODES = {"both": (Action.CREATE, Action.EDIT), "create": (Action.CREATE,), "update": (Action.EDIT,)}
DATES = ("ymd", "dmy", "mdy")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a person chose for a file.

    Attributes:
        columns: For each column of the file the name of the resource's, "" to leave it out.
        mode: A key of `MODES`.
        dates: "ymd", "dmy" or "mdy".
        comma: Whether decimals are written with a comma.
        partly: Whether the good rows are imported where others are refused.
    """

    columns: Sequence[str]
    mode: str = "both"
    dates: str = "ymd"
    comma: bool = False
    partly: bool = False


def match(resource: Resource, heading: Sequence[str]) -> list[str]:
    """Return for each column of a file that of the resource with its name or label, else ""."""
    known: dict[str, str] = {}
    for name, label in rows.importable(resource).items():
        known.setdefault(_folded(str(label)), name)
    known |= {_folded(name): name for name in rows.importable(resource)}
    found: list[str] = []
    for cell in heading:
        name = known.get(_folded(notation.unguard(cell)), "")
        found.append("" if name in found else name)
    return found


def _folded(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def check(resource: Resource, choices: Choices) -> str:
    """Return what is wrong with the choices for a file, "" where nothing is."""
    chosen = [name for name in choices.columns if name]
    keys = [column.name for column in resource.key_columns]
    if not chosen:
        return gettext("Choose a field for at least one column.")
    twice = [name for name in chosen if chosen.count(name) > 1]
    if twice:
        label = forms.label_of(resource, twice[0])
        return gettext("“%(label)s” is chosen for two columns.", label=label)
    if choices.mode == "update" and not set(keys) <= set(chosen):
        names = ", ".join(str(forms.label_of(resource, name)) for name in keys)
        return gettext("To update records, the file must have their key: %(names)s.", names=names)
    if not all(filters.may(action, resource) for action in MODES[choices.mode]):
        return gettext("Your role may not do this with these records. Choose another mode.")
    return ""
