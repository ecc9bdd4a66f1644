"""Reports: what came of an import, as its page shows it."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Report:
    """What came of a file, or would come of it.

    Attributes:
        new: How many records were made; likewise those that were changed, unchanged, refused.
        changes: Of the first: line, key, and for each field its label, old and new text.
        refusals: The first: line, label of the column, what stood there, and the reason.
        stopped: Whether there were so many refusals that the rest was not looked at.
        written: Whether it was kept.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    changes: list[Any] = field(default_factory=list)
    refusals: list[Any] = field(default_factory=list)
    stopped: bool = False
    written: bool = False

    @property
    def done(self) -> int:
        """How many rows were looked at."""
        return self.new + self.changed + self.unchanged + self.refused

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)
