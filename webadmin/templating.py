"""What templates may call: numbers, counts, URLs of assets, the side bar."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.numbers import format_decimal as format_number
from flask import Flask, current_app, request
from flask_babel import Babel, get_locale
from markupsafe import Markup

from webadmin import counts, records
from webadmin.config import LANGUAGES
from webadmin.counts import Count
from webadmin.messages import gettext, ngettext

IMMUTABLE = "public, max-age=31536000, immutable"
THEMES = ("light", "dark")


def init_app(app: Flask) -> None:
    """Set up languages, and give templates their functions."""
    folder = str(Path(__file__).parent / "translations")
    Babel(app, locale_selector=choose_language, default_translation_directories=folder)
    app.jinja_env.globals.update(
        _=gettext,
        gettext=gettext,
        ngettext=ngettext,
        asset=_Assets(app),
        number=number,
        counted=counted,
        total=total,
        resources=records.resources,
        remembered=counts.remembered,
        site_name=app.config["SITE_NAME"],
        theme=theme,
        fragment=_Fragments(app),
        site_url=site_url,
        locale=locale,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.after_request(_cache_static)


def choose_language() -> str:
    """Return the setting's language, else the best of those that the browser asks for."""
    chosen = current_app.config["LANGUAGE"]
    if chosen:
        return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def locale() -> Locale:
    """Return the locale of the page: its language and the direction of its script."""
    return get_locale() or Locale("en")


def theme() -> str:
    """Return "light" or "dark" where the switch was used, "" where the system decides."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in THEMES else ""


class _Fragments:
    """Parts of every page that depend on language and theme alone, rendered once for each."""

    def __init__(self, app: Flask) -> None:
        self.environment = app.jinja_env
        self.made: dict[tuple[str, str, str], Markup] = {}

    def __call__(self, name: str) -> Markup:
        """Return a template as HTML."""
        key = (name, str(locale()), theme())
        if key not in self.made:
            html = self.environment.get_template(name).render()
            self.made[key] = Markup(html)  # noqa: S704 - a template's output is escaped
        return self.made[key]


def number(value: int) -> str:
    """Return a whole number as the locale groups it."""
    return str(value) if 0 <= value < 1000 else _grouped(value, str(locale()))


@lru_cache(maxsize=1000)
def _grouped(value: int, language: str) -> str:
    return str(format_number(value, locale=language))


def counted(count: Count) -> str:
    """Return a count in a few characters, for the side bar."""
    if count.kind == "about":
        return f"≈ {number(count.number)}"
    return f"> {number(count.number)}" if count.kind == "more" else number(count.number)


def total(count: Count) -> str:
    """Return a count as words of a sentence."""
    text = number(count.number)
    if count.kind == "about":
        return str(gettext("about %(number)s", number=text))
    if count.kind == "more":
        return str(gettext("more than %(number)s", number=text))
    return text


class _Assets:
    """URLs of static files that change with their content, so that they can be kept for ever."""

    def __init__(self, app: Flask) -> None:
        bootstrap = app.blueprints["bootstrap"]
        self.sources = {
            "static": (Path(str(app.static_folder)), str(app.static_url_path)),
            "bootstrap.static": (Path(str(bootstrap.static_folder)), "/bootstrap/static"),
        }
        self.urls: dict[str, str] = {}

    def __call__(self, name: str, endpoint: str = "static") -> str:
        """Return the URL of a file of ours, or of another endpoint's."""
        url = self.urls.get(name)
        if url is None:
            folder, path = self.sources[endpoint]
            version = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]
            url = self.urls[name] = f"{path}/{name}?v={version}"
        return f"{request.script_root}{url}"


def site_url(path: str = "") -> str:
    """Return the URL of a path of this site, also where the site stands below a prefix.

    Unlike `url_for` it works for requests to a host that is not trusted.
    """
    return f"{request.script_root}/{path}"


def _cache_static(response: Any) -> Any:
    if request.endpoint in ("static", "bootstrap.static") and "v" in request.args:
        response.headers["Cache-Control"] = IMMUTABLE
    return response
