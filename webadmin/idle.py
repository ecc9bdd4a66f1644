"""Idle connections: those of a pool that have waited, and may have been closed meanwhile."""

import math
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

TRUSTED = 1.0  # seconds that a connection of a server is taken for good without asking


class Idle:
    """The connections of a pool that have waited: a server may have closed them.

    SQLAlchemy's own `pool_pre_ping` asks each time, which costs as much as a statement.

    Args:
        engine: Whose pool it is.
    """

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect
        self.engine = engine

    def listen(self) -> None:
        """Look at each connection that is taken."""
        event.listen(self.engine, "checkin", self.returned)
        event.listen(self.engine, "checkout", self.taken)

    def returned(self, _connection: object, record: Any) -> None:
        """Note when a connection was used last."""
        record.info["returned"] = time.monotonic()

    def taken(self, connection: Any, record: Any, _proxy: object) -> None:
        """Ask the server whether a connection that has waited is still good.

        Raises:
            InvalidatePoolError: It is not; SQLAlchemy takes another one then.
        """
        if time.monotonic() - record.info.get("returned", math.inf) < TRUSTED:
            return
        try:
            self.dialect.do_ping(connection)
        except self.dialect.loaded_dbapi.Error as error:
            if not self.dialect.is_disconnect(error, connection, None):
                raise
            raise InvalidatePoolError from error
