"""What templates may call: numbers, counts, URLs of assets, the side bar."""

import hashlib
import math
from collections.abc import Hashable, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from babel import Locale
from babel.numbers import format_decimal as format_number
from flask import Flask
from flask.templating import Environment as FlaskEnvironment
from flask_babel import Babel, get_locale
from markupsafe import Markup

from webadmin import context, counts, fields, filters, formats, forms, records
from webadmin.counts import Count
from webadmin.keys import in_url
from webadmin.messages import TRANSLATIONS, gettext, language, ngettext
from webadmin.permissions import Action
from webadmin.resource import Resource

THEMES = ("light", "dark")
# By environment, and as long as there is that: a site that nobody uses any more is not kept.
_CHOSEN: WeakKeyDictionary[object, dict[tuple[str, str], str]] = WeakKeyDictionary()


class Environment(FlaskEnvironment):
    """Flask's, whose templates have no globals of their own: each page copies them."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals as they are: a ChainMap takes fifty times longer to copy."""
        return super().make_globals(d) if d else self.globals


def init_app(app: Flask) -> None:
    """Set up languages, and give templates their functions."""
    Babel(app, locale_selector=language, default_translation_directories=str(TRANSLATIONS))
    app.jinja_env.globals.update(
        _=gettext,
        gettext=gettext,
        ngettext=ngettext,
        asset=_Assets(app),
        number=number,
        counted=counted,
        total=total,
        resources=records.resources,
        chosen=chosen,
        site_name=app.config["SITE_NAME"],
        theme=theme,
        fragment=_Fragments(app),
        site_url=site_url,
        in_url=in_url,
        locale=locale,
        can=can,
        account=account,
        csrf_token=forms.csrf_token,
        navigation=navigation,
        moment=formats.moment,
        control_class=fields.control_class,
        helps=fields.helps,
    )
    # Flask-WTF's own would win over the one above.
    processors = app.template_context_processors[None]
    processors[:] = [each for each in processors if each.__module__ != "flask_wtf.csrf"]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def locale() -> Locale:
    """Return the locale of the page: its language and the direction of its script."""
    return get_locale() or Locale("en")


def theme() -> str:
    """Return "light" or "dark" where the switch was used, "" where the system decides."""
    chosen = context.cookie("theme")
    return chosen if chosen in THEMES else ""


class Look(NamedTuple):
    """What every page depends on besides its data: language, theme, and where the site begins."""

    language: str
    theme: str
    root: str


def look() -> Look:
    """Return the look of this request's page."""
    kept = context.g()
    if "look" not in kept:
        kept.look = Look(language(), theme(), context.request().script_root)
    found: Look = kept.look
    return found


class _Fragments:
    """Parts of pages that depend on little, rendered once for each look and what they are given."""

    def __init__(self, app: Flask) -> None:
        self.environment = app.jinja_env
        self.made = lru_cache(maxsize=500)(self._make)

    def __call__(self, name: str, **values: Hashable) -> Markup:
        """Return a template as HTML.

        Args:
            name: A template that reads nothing but its look and `values`.
            values: What else it depends on.
        """
        return self.made(name, look(), tuple(values.items()))

    def _make(self, name: str, _look: Look, values: Any) -> Markup:
        html = self.environment.get_template(name).render(dict(values))
        return Markup(html)  # noqa: S704 - a template escapes  # nosec B704


def chosen(resource: Resource, name: str, otherwise: str) -> str:
    """Return which template serves a resource: `users/list.html` wins over another."""
    environment, wanted = context.app().jinja_env, (f"{resource.name}/{name}", otherwise)
    known = _CHOSEN.setdefault(environment, {})
    if wanted not in known:  # Jinja would look for the missing one anew for each page
        known[wanted] = environment.select_template(wanted).name or otherwise
    return known[wanted]


def account() -> Any:
    """Return the account that is signed in, or None."""
    return context.g().get("account")


def can(action: str, resource: Resource) -> bool:
    """Return whether the account that is signed in may take an action."""
    return filters.may(Action(action), resource)


def navigation() -> tuple[tuple[Resource, Count | None], ...]:
    """Return the resources that the account may see, each with its remembered count.

    What a scope leaves differs from account to account: it has none.
    """
    return tuple(
        (each, None if each.scope else counts.remembered(each, math.inf))
        for each in records.resources().values()
        if filters.may(Action.VIEW, each)
    )


def number(value: int) -> str:
    """Return a whole number as the locale groups it."""
    return str(value) if 0 <= value < 1000 else _grouped(value, language())


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
            url = self.urls[name] = f"{path}/{name}?v={asset_version(folder / name)}"
        return f"{context.request().script_root}{url}"


def asset_version(file: Path) -> str:
    """Return what stands for the content of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def site_url(path: str = "") -> str:
    """Return the URL of a path of this site, also where the site stands below a prefix.

    Unlike `url_for` it works for requests to a host that is not trusted.
    """
    return f"{context.request().script_root}/{path}"
