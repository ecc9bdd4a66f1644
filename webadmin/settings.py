"""The settings: what each is called, how its text is read, and what it is for."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "de")


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


def _networks(text: str) -> list[str]:
    try:
        return [str(ipaddress.ip_network(name, strict=False)) for name in _names(text)]
    except ValueError:
        raise ValueError("addresses or networks such as 127.0.0.1,10.0.0.0/8") from None


def _mail_server(text: str) -> str:
    url = urlsplit(text)
    try:
        right = url.scheme in ("smtp", "smtps") and url.hostname and (url.port or True)
    except ValueError:  # a port that is no number
        right = False
    if not right:
        raise ValueError("a URI such as smtp://user:password@mail.example.com:587")
    return text


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
    """One setting: `parse` turns the environment's text into its value or raises ValueError.

    What a secret one holds is never shown.
    """

    name: str
    default: object
    parse: Callable[[str], object] = str
    secret: bool = False
    help: str


SETTINGS = (
    Setting(
        name="DATABASE_URI",
        default=None,
        secret=True,
        help="The database, as a SQLAlchemy URI. Without it `DATABASE_URL` is read, "
        "and without that the embedded SQLite database in the instance folder serves.",
    ),
    Setting(
        name="SECRET_KEY",
        default=None,
        secret=True,
        help="Signs cookies and forms. Without it one is made once, in the instance folder.",
    ),
    Setting(
        name="SECRET_KEY_FALLBACKS",
        default=[],
        parse=_names,
        secret=True,
        help="Earlier secret keys, separated by commas: what they signed is still good.",
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
        name="TRUSTED_PROXIES",
        default=[],
        parse=_networks,
        help="Addresses or networks of proxies, separated by commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed.",
    ),
    Setting(
        name="SESSION_IDLE_MINUTES",
        default=720,
        parse=_whole_number,
        help="Minutes without a request after which one has to sign in again.",
    ),
    Setting(
        name="SESSION_LIFETIME_HOURS",
        default=168,
        parse=_whole_number,
        help="Hours after which one has to sign in again in any case.",
    ),
    Setting(
        name="REMEMBER_DAYS",
        default=30,
        parse=_whole_number,
        help="Days after which one has to sign in again who chose to be remembered.",
    ),
    Setting(
        name="MAIL_URI",
        default=None,
        parse=_mail_server,
        secret=True,
        help="The mail server that sends reset links, as smtp://user:password@host:587 "
        "(STARTTLS) or smtps://user:password@host:465. It needs TRUSTED_HOSTS.",
    ),
    Setting(
        name="MAIL_SENDER",
        default=None,
        help="The address that mail comes from.",
    ),
    Setting(
        name="POOL_SIZE",
        default=32,
        parse=_whole_number,
        help="Database connections that a worker opens at most. They are opened as its threads "
        "need them, one for each.",
    ),
    Setting(
        name="DATABASE_TIMEOUT",
        default=10,
        parse=_whole_number,
        help="Seconds to wait for a connection, or for SQLite's write lock, before answering 503.",
    ),
    Setting(
        name="COUNT_TIMEOUT",
        default=5,
        parse=_whole_number,
        help="Seconds after which an exact count of a list is given up.",
    ),
    Setting(
        name="SEARCH_TIMEOUT",
        default=2,
        parse=_whole_number,
        help="Seconds after which a search or filter that no index serves is given up.",
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
