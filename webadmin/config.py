"""Where settings come from: defaults, instance/config.py and the environment."""

import logging
import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from flask import Config, Flask

from webadmin.settings import SETTINGS, Setting

PREFIX = "WEBADMIN_"
EMBEDDED_DATABASE = "webadmin.sqlite"
_log = logging.getLogger("webadmin")


class ConfigError(Exception):
    """A setting or the place webadmin runs in is wrong; the message says what would be right."""


def _read(setting: Setting, text: str, where: str) -> object:
    try:
        return setting.parse(text)
    except ValueError as error:
        shown = "***" if setting.secret else repr(text)
        raise ConfigError(f"{where} is {shown}, but must be {error}.") from None


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
    if not app.config["SECRET_KEY"]:
        kept = _kept_keys(Path(app.instance_path))
        app.config["SECRET_KEY"] = kept[0]
        app.config["SECRET_KEY_FALLBACKS"] = [*kept[1:], *app.config["SECRET_KEY_FALLBACKS"]]
    if app.config["MAIL_URI"] and not (app.config["TRUSTED_HOSTS"] and app.config["MAIL_SENDER"]):
        raise ConfigError(
            f"With {PREFIX}MAIL_URI set, {PREFIX}MAIL_SENDER must be, and {PREFIX}TRUSTED_HOSTS: "
            "else a forged host name would stand in the links that are mailed."
        )
    app.config["SQLALCHEMY_RECORD_QUERIES"] = False
    # A form may stay open over lunch: its token lives as long as the session it belongs to.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.config["MAX_FORM_MEMORY_SIZE"] = app.config["MAX_CONTENT_LENGTH"]
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    longest = timedelta(days=int(app.config["REMEMBER_DAYS"]))
    app.config["PERMANENT_SESSION_LIFETIME"] = max(
        longest, timedelta(hours=int(app.config["SESSION_LIFETIME_HOURS"]))
    )
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
        values[setting.name] = _read(setting, str(value), f"{path}: {setting.name}")
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
        values[name] = _read(known[name], text, variable)
    return values


def secret_keys(app: Flask) -> list[str]:
    """Return the secret keys, the one that signs last: what earlier ones signed is still good."""
    fallbacks: list[str] = app.config["SECRET_KEY_FALLBACKS"] or []
    return [*reversed(fallbacks), app.config["SECRET_KEY"]]


def _kept_keys(folder: Path) -> list[str]:
    """Return the keys kept in `folder`, one a line, the first of which signs.

    The first is made once, with mode 0600, by one process only.
    """
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
        keys = path.read_text().split()
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be used ({error.strerror}). Make it writable, or name "
            f"another one in {PREFIX}INSTANCE_PATH, or set {PREFIX}SECRET_KEY and "
            f"{PREFIX}DATABASE_URI."
        ) from None
    if not keys:
        raise ConfigError(f"The file {path} is empty. Remove it, and a new secret key is made.")
    return keys


def shipped_folder(name: str) -> Path:
    """Return `templates` or `static`: at the root of a checkout, else inside the package."""
    package = Path(__file__).parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return package / name
