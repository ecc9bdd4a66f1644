"""Settings: one table of them, read from defaults, instance/config.py and the environment."""

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Config, Flask

PREFIX = "WEBADMIN_"
EMBEDDED_DATABASE = "webadmin.sqlite"
LANGUAGES = ("en", "de")
_log = logging.getLogger("webadmin")


class ConfigError(Exception):
    """A setting or the place webadmin runs in is wrong; the message says what would be right."""


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number such as 10")
    if int(text) == 0:
        raise ValueError("a whole number of at least 1, such as 10")
    return int(text)


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise ValueError("names separated by commas")
    return names


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return parse


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone of the IANA database such as Europe/Berlin") from None
    return text


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: `parse` turns the environment's text into its value or raises ValueError."""

    name: str
    default: object
    parse: Callable[[str], object] = str
    help: str


SETTINGS = (
    Setting(
        name="DATABASE_URI",
        default=None,
        help="The database, as a SQLAlchemy URI. Without it `DATABASE_URL` is read, "
        "and without that the embedded SQLite database in the instance folder serves.",
    ),
    Setting(
        name="SECRET_KEY",
        default=None,
        help="Signs cookies and forms. Without it one is made once, in the instance folder.",
    ),
    Setting(
        name="INSTANCE_PATH",
        default=None,
        help="The instance folder: embedded database, generated secret, `config.py`. "
        "Read from the environment only.",
    ),
    Setting(
        name="RESOURCES",
        default=[],
        parse=_names,
        help="Modules whose `Resource` values are added to the site, separated by commas.",
    ),
    Setting(name="SITE_NAME", default="webadmin", help="The name in the corner of every page."),
    Setting(
        name="LANGUAGE",
        default=None,
        parse=_one_of(*LANGUAGES),
        help="The language of every page, such as `de`. Without it the browser's choice counts.",
    ),
    Setting(
        name="TIMEZONE",
        default="UTC",
        parse=_timezone,
        help="The time zone in which times with a zone are shown and typed.",
    ),
    Setting(
        name="TRUSTED_HOSTS",
        default=None,
        parse=_names,
        help="Host names the site answers to, separated by commas. "
        "Any other gets 400. Set it in production.",
    ),
    Setting(
        name="POOL_SIZE",
        default=5,
        parse=_whole_number,
        help="Open database connections a worker keeps (PostgreSQL, MariaDB).",
    ),
    Setting(
        name="DATABASE_TIMEOUT",
        default=10,
        parse=_whole_number,
        help="Seconds to wait for a connection, or for SQLite's write lock, before answering 503.",
    ),
    Setting(
        name="MAX_CONTENT_LENGTH",
        default=1_000_000,
        parse=_whole_number,
        help="The largest request body, in bytes. A larger one gets 413.",
    ),
    Setting(
        name="IMPORT_MAX_BYTES",
        default=200_000_000,
        parse=_whole_number,
        help="The largest file that may be imported, in bytes.",
    ),
    Setting(
        name="IMPORT_MAX_ROWS",
        default=1_000_000,
        parse=_whole_number,
        help="The most records that a file to import may hold.",
    ),
    Setting(
        name="IMPORT_MAX_COLUMNS",
        default=500,
        parse=_whole_number,
        help="The most columns that a file to import may have.",
    ),
    Setting(
        name="IMPORT_MAX_CELL",
        default=1_000_000,
        parse=_whole_number,
        help="The longest text in a cell of a file to import, in characters.",
    ),
    Setting(
        name="IMPORT_MAX_UNPACKED",
        default=1_000_000_000,
        parse=_whole_number,
        help="The most bytes that an XLSX file to import may take when it is unpacked.",
    ),
    Setting(
        name="LOG_LEVEL",
        default="INFO",
        parse=_one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        help="What is logged to standard error: DEBUG, INFO, WARNING or ERROR.",
    ),
)


def instance_path(overrides: Mapping[str, object]) -> str | None:
    """Return the absolute instance folder that was asked for, or None for Flask's choice."""
    chosen = overrides.get("INSTANCE_PATH") or os.environ.get(f"{PREFIX}INSTANCE_PATH")
    return str(Path(str(chosen)).absolute()) if chosen else None


def load(app: Flask, overrides: Mapping[str, object]) -> None:
    """Fill `app.config`: defaults, then instance/config.py, the environment, `overrides`.

    Raises:
        ConfigError: A value cannot be read; the message names the setting.
    """
    app.config.from_mapping({setting.name: setting.default for setting in SETTINGS})
    app.config.update(_from_file(Path(app.instance_path) / "config.py"))
    app.config.update(_from_environment())
    app.config.update(overrides)
    app.config["DATABASE_URI"] = app.config["DATABASE_URI"] or os.environ.get("DATABASE_URL")
    app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or _secret_key(Path(app.instance_path))
    app.config["SQLALCHEMY_RECORD_QUERIES"] = False
    # A form may stay open over lunch: its token lives as long as the session it belongs to.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.config["MAX_FORM_MEMORY_SIZE"] = app.config["MAX_CONTENT_LENGTH"]
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_COOKIE_NAME"] = "webadmin_session"
    app.config["BABEL_DEFAULT_TIMEZONE"] = app.config["TIMEZONE"]
    app.logger.setLevel(str(app.config["LOG_LEVEL"]).upper())


def _from_file(path: Path) -> dict[str, object]:
    """Return what instance/config.py sets, checked as the environment is."""
    file = Config(path.parent)
    try:
        file.from_pyfile(path.name, silent=True)
    except Exception as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        place = f"{path}, line {line}" if line else str(path)
        raise ConfigError(f"{place} cannot be run: {error}.") from None
    values: dict[str, object] = dict(file)
    for setting in SETTINGS:
        value = values.get(setting.name)
        if value is None or isinstance(value, list | tuple):
            continue
        try:
            values[setting.name] = setting.parse(str(value))
        except ValueError as error:
            raise ConfigError(
                f"{path}: {setting.name} is {value!r}, but must be {error}."
            ) from None
    return values


def _from_environment() -> dict[str, object]:
    known = {setting.name: setting for setting in SETTINGS}
    values: dict[str, object] = {}
    for variable, text in os.environ.items():
        name = variable.removeprefix(PREFIX)
        if name == variable or text == "" or name.startswith("TEST_"):
            continue
        if name not in known:
            _log.warning("%s is not a setting of webadmin and is ignored", variable)
            continue
        try:
            values[name] = known[name].parse(text)
        except ValueError as error:
            raise ConfigError(f"{variable} is {text!r}, but must be {error}.") from None
    return values


def _secret_key(folder: Path) -> str:
    """Return the key kept in `folder`, made there once with mode 0600, by one process only."""
    path = folder / "secret_key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"secret_key.{os.getpid()}.{secrets.token_hex(4)}")
        if not path.exists():
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                # link() refuses to replace: of two processes starting together one key wins.
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be used ({error.strerror}). Make it writable, or name "
            f"another one in {PREFIX}INSTANCE_PATH, or set {PREFIX}SECRET_KEY and "
            f"{PREFIX}DATABASE_URI."
        ) from None


def shipped_folder(name: str) -> Path:
    """Return `templates` or `static`: at the root of a checkout, else inside the package."""
    package = Path(__file__).parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return package / name
