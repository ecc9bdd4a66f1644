"""webadmin: a server-rendered web admin site for the records in a SQL database."""

import gc

# What modules hold stays for good: to look for garbage among it takes a fifth of the start.
_collects = gc.isenabled()
gc.disable()

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from flask_bootstrap import Bootstrap5

from webadmin import (
    account_views,
    auth,
    config,
    database,
    errors,
    history_views,
    pages,
    proxies,
    recording,
    registry,
    request_checks,
    sign_in,
    site,
    static_files,
    templating,
)
from webadmin.account_pages import ACCOUNT_PAGES
from webadmin.accounts import ACCOUNTS
from webadmin.resource import Resource
from webadmin.users import USERS

gc.freeze()
if _collects:
    gc.enable()

__version__ = "0.1.0"

RESOURCES: tuple[Resource, ...] = (USERS,)


class Site(Flask):
    """Flask, spared to find out of each function of a request that it is not asynchronous."""

    jinja_environment = templating.Environment

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as it is."""
        return func


def create_app(overrides: Mapping[str, object] | None = None) -> Flask:
    """Return the site.

    Args:
        overrides: Settings that win over instance/config.py and the environment.

    Raises:
        ConfigError: A setting is wrong; the message says what would be right.
        UnguardedViewError: A view says nothing of who may see it.
    """
    given = dict(overrides or {})
    app = Site(
        __name__,
        instance_path=config.instance_path(given),
        instance_relative_config=True,
        template_folder=str(config.shipped_folder("templates")),
        static_folder=str(config.shipped_folder("static")),
    )
    config.load(app, given)
    database.init_app(app)
    recording.init_app(app)
    request_checks.init_app(app)
    auth.init_app(app)
    request_checks.Tokens(app)
    Bootstrap5(app)
    templating.init_app(app)
    static_files.init_app(app)
    proxies.init_app(app)  # around the files too, which say whether there is HTTPS
    errors.init_app(app)
    sign_in.init_app(app)
    site.init_app(app)
    account_views.init_app(app)
    history_views.init_app(app)
    for resource in registry.register(app, RESOURCES, after=(ACCOUNTS,)):
        chosen = ACCOUNT_PAGES if resource is ACCOUNTS else pages.PAGES
        app.register_blueprint(pages.blueprint_for(resource, chosen))
    auth.check_views(app)
    return app
