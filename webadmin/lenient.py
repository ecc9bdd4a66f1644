"""Stored values that their column's type does not allow, read as they are.

SQLite keeps any value in any column; MariaDB keeps the day 0000-00-00, the time 30:00:00 and, for
what is none of an enumeration, an empty text.
"""

from typing import Any

from sqlalchemy import Dialect, type_coerce
from sqlalchemy.types import TypeEngine, UserDefinedType

from webadmin.columns import Column

CONVERTED = frozenset(
    {"choice", "boolean", "decimal", "datetime", "date", "time", "interval", "uuid", "json"}
)


class Lenient(UserDefinedType[Any]):
    """A type that reads as it is what another type cannot read."""

    cache_ok = True

    def __init__(self, strict: TypeEngine[Any]) -> None:
        self.strict = strict

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return the strict type's processor with a way out."""
        convert = self.strict.dialect_impl(dialect).result_processor(dialect, coltype)
        if convert is None:
            return None

        def read(value: Any) -> Any:
            try:
                return convert(value)
            except (LookupError, TypeError, ValueError):
                return value

        return read


def readable(column: Column) -> Any:
    """Return what to select so that every value of a column can be read."""
    if column.kind.name in CONVERTED:
        return type_coerce(column.attribute, Lenient(column.type))
    return column.attribute
