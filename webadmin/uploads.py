"""Files that wait to be imported: under random names, for their account only, and not for long.

An upload is a few files of one name in `uploads/` of the instance folder: what was sent (.raw), the
same as plain CSV (.csv), the refused records (.refused.csv), how it stands (.json), and a lock that
whoever works on it holds (.lock), which a killed process lets go.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from flask import current_app

from webadmin.database import asking
from webadmin.resource import Resource

try:
    import fcntl
except ImportError:  # without file locks two may work on one upload; the database sorts them out
    fcntl = None  # type: ignore[assignment]

STOPPING = 5  # seconds that whoever works on an upload may take to stop
KEPT = 86_400  # seconds that an upload waits, from its last step on
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_CHUNK = 1 << 20


class TooLargeError(ValueError):
    """A file is larger than IMPORT_MAX_BYTES."""


class BusyError(Exception):
    """Somebody works on the upload already: another tab of the same account."""


@dataclass(frozen=True)
class Upload:
    """A file that waits, and how it stands.

    Attributes:
        token: Its random name.
        resource: The name of the resource that it is for.
        account: The id of the account that sent it; None: nobody signs in.
        name: What the file was called.
        table: What was found in it, see `tables.Table`.
        choices: What a person chose on its page: columns, mode, how dates are written ...
        step: "new", "rehearsing", "rehearsed", "importing", "imported", "cancelled", "failed" or
            "interrupted".
        batch: What the changes of the import bear in the history.
        report: What came of the last step, see `import_report.Report`.
        problem: Why it failed, in words.
    """

    token: str
    resource: str
    account: int | None
    name: str
    table: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)
    step: str = "new"
    batch: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    def path(self, kind: str) -> Path:
        """Return the file of a kind: raw, csv, refused.csv, json, lock, cancel."""
        return folder() / f"{self.token}.{kind}"

    def changed(self, **values: Any) -> "Upload":
        """Return the upload with changes, which are kept at once, wholly or not at all.

        Raises:
            OSError: The disk is full.
        """
        found = replace(self, **values)
        fresh = self.path(f"{secrets.token_hex(4)}.json")
        try:
            with _private(fresh) as file:
                file.write(json.dumps(asdict(found)).encode())
            fresh.replace(self.path("json"))
        finally:
            fresh.unlink(missing_ok=True)
        return found

    def remove(self) -> None:
        """Remove its files."""
        for path in folder().glob(f"{self.token}.*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Work on it alone.

        Raises:
            BusyError: Somebody does already.
        """
        descriptor = os.open(self.path("lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise BusyError from None
            yield
        finally:
            os.close(descriptor)

    @property
    def busy(self) -> bool:
        """Whether somebody works on it."""
        try:
            with self.locked():
                return False
        except BusyError:
            return True

    def cancel(self) -> None:
        """Ask whoever works on it to stop."""
        self.path("cancel").touch(0o600)

    def wait(self) -> None:
        """Wait until nobody works on it, but not for long."""
        for _ in range(STOPPING * 20):
            if not self.busy:
                return
            time.sleep(0.05)

    def cancelled(self) -> bool:
        """Return whether somebody asked to stop since work began."""
        return self.path("cancel").exists()


def folder() -> Path:
    """Return the folder of uploads, which only the account of the server may look into."""
    found = Path(current_app.instance_path) / "uploads"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def _private(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def save(resource: Resource, stream: IO[bytes], name: str) -> Upload:
    """Keep a file that was sent; older ones that nobody came back to go.

    Args:
        resource: What its records are of.
        stream: The file.
        name: What it is called.

    Raises:
        TooLargeError: It is larger than the setting allows; nothing of it is kept.
        OSError: The disk is full; nothing of it is kept.
    """
    sweep()
    upload = Upload(secrets.token_urlsafe(16), resource.name, _account(), name[:200])
    most, size = int(current_app.config["IMPORT_MAX_BYTES"]), 0
    try:
        with _private(upload.path("raw")) as file:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise TooLargeError
                file.write(chunk)
        return upload.changed()
    except BaseException:
        upload.remove()
        raise


def _account() -> int | None:
    return getattr(asking(), "id", None)


def find(resource: Resource, token: str) -> Upload | None:
    """Return an upload of the account that asks; None where there is none of that name."""
    if not _TOKEN.fullmatch(token):
        return None
    upload = _read(folder() / f"{token}.json")
    mine = upload is not None and upload.account == _account()
    return upload if mine and upload is not None and upload.resource == resource.name else None


def waiting(resource: Resource) -> list[Upload]:
    """Return the uploads of the account that asks for a resource, the newest first."""
    paths = [path for path in folder().glob("*.json") if _TOKEN.fullmatch(path.stem)]
    found = [find(resource, path.stem) for path in sorted(paths, key=_age)]
    return [upload for upload in found if upload is not None]


def _read(path: Path) -> Upload | None:
    try:
        return Upload(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # removed meanwhile, or of another version of webadmin


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return KEPT + 1.0


def sweep() -> None:
    """Remove what has waited for over `KEPT` seconds and nobody works on."""
    for path in folder().iterdir():
        token = path.name.partition(".")[0]
        others = [_age(each) for each in folder().glob(f"{token}.*")]
        if others and min(others) > KEPT:
            path.unlink(missing_ok=True)
