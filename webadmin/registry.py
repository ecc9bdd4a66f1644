"""The site's resources: its own, and those found in the modules that a setting names."""

import importlib
import traceback
from collections.abc import Iterable

from flask import Flask

from webadmin.config import PREFIX, ConfigError
from webadmin.resource import Resource, ResourceError


def register(app: Flask, own: Iterable[Resource], after: Iterable[Resource] = ()) -> list[Resource]:
    """Keep the resources by name in `app.extensions["webadmin"]`, and return them.

    Args:
        app: The site.
        own: Resources that come first.
        after: Resources that come last.

    Raises:
        ConfigError: A module is missing or holds no Resource, or two have one name.
    """
    found = list(own)
    names = app.config["RESOURCES"]
    for name in [names] if isinstance(names, str) else names:
        found += [each for each in _in_module(name) if each not in found]
    found += after
    by_name: dict[str, Resource] = {}
    for resource in found:
        if resource.name in by_name:
            raise ConfigError(
                f"Two resources are named {resource.name!r}. Give one of them another name=."
            )
        by_name[resource.name] = resource
    app.extensions["webadmin"] = by_name
    return found


def _in_module(name: str) -> list[Resource]:
    setting = f"{PREFIX}RESOURCES"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{setting} names {name}, but there is no module {error.name}. Install it, or set "
            "PYTHONPATH to the folder it is in."
        ) from None
    except ResourceError as error:
        raise ConfigError(f"{setting} names {name}, which is wrong. {error}") from None
    except Exception as error:  # whatever the module does when it is imported
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(
            f"{setting} names {name}, which cannot be imported: {type(error).__name__}: {error} "
            f"({place.filename}, line {place.lineno})."
        ) from error
    found = [value for value in vars(module).values() if isinstance(value, Resource)]
    if not found:
        raise ConfigError(f"{setting} names {name}, but no Resource(...) is defined there.")
    return found
