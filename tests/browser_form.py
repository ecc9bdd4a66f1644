"""What a browser does with a form of a page: reads it, and sends it back as it would.

The rules are those of the HTML standard, https://html.spec.whatwg.org/multipage/input.html and
form-control-infrastructure.html: value sanitization, and the construction of the entry list.
"""

import re
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

Controls = dict[str, list[Element]]


def form_of(text: str) -> Element:
    """Return the form of a page that writes: the one with method="post"."""
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    posts = [form for form in tree.iter("form") if form.get("method", "").lower() == "post"]
    found = [form for form in posts if form.get("id") not in ("undo", "bulk")]
    assert len(found) == 1, f"{len(found)} forms that write"
    return found[0]


def entries(form: Element) -> list[tuple[str, str]]:
    """Return what the form sends when it is submitted with its first button."""
    found: list[tuple[str, str]] = []
    for control in form.iter():
        name = control.get("name", "")
        if not name or control.tag == "button":
            continue
        value = _value(control)
        if value is not None:
            found.append((name, _crlf(value)))
    return found


def _crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def _value(control: Element) -> str | None:
    if control.tag == "textarea":
        return "".join(control.itertext())
    if control.tag == "select":
        options = control.findall("option")
        chosen = [option for option in options if "selected" in option.attrib] or options
        return (
            chosen[-1].get("value") if "selected" in chosen[-1].attrib else options[0].get("value")
        )
    if control.tag != "input":
        return None
    type_, value = control.get("type", "text"), control.get("value", "")
    if type_ == "checkbox":
        return value if "checked" in control.attrib else None
    return value if type_ == "hidden" else sanitized(type_, value)


def sanitized(type_: str, value: str) -> str:
    """Return what an <input> of a type makes of its value."""
    if type_ == "text":
        return re.sub(r"[\r\n]", "", value)
    if type_ == "number":
        return value if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value, re.ASCII) else ""
    patterns = {
        "date": (r"\d{4,}-\d\d-\d\d", date),
        "time": (r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?", time),
        "datetime-local": (r"\d{4,}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?", datetime),
    }
    pattern, reader = patterns[type_]
    try:
        read: Any = reader.fromisoformat(value)
    except ValueError:
        return ""
    if not re.fullmatch(pattern, value, re.ASCII):
        return ""
    if type_ != "datetime-local":
        return value
    # "A valid normalized local date and time string": the shortest text for the time.
    text = read.isoformat(timespec="milliseconds" if read.microsecond else "seconds")
    return text.rstrip("0") if read.microsecond else re.sub(r":00$", "", text)


def fill(form: Element, changes: dict[str, str]) -> MultiDict[str, str]:
    """Return what the form sends after some controls were changed; a check box by true, false."""
    boxes = {each.get("name") for each in form.iter("input") if each.get("type") == "checkbox"}
    sent = MultiDict(entries(form))
    named = {control.get("name") for control in form.iter()}
    for name, value in changes.items():
        assert name in named, f"the form has no {name}"
        sent.setlist(name, [*(["false"] if name in boxes else []), _crlf(value)])
    return sent


def send(client: FlaskClient, url: str, **changes: str) -> TestResponse:
    """Open the page of a form, change some of its controls, and submit it."""
    page = client.get(url)
    assert page.status_code == 200, (url, page.status_code)
    form = form_of(page.text)
    return client.post(form.get("action") or url, data=fill(form, changes))


def send_again(client: FlaskClient, url: str, page: TestResponse, **changes: str) -> TestResponse:
    """Submit the form of a page that came back, after changing some of its controls."""
    form = form_of(page.text)
    return client.post(form.get("action") or url, data=fill(form, changes))


def shown(text: str) -> dict[str, str]:
    """Return what the controls of the form of a page hold, by name."""
    return {name: value.replace("\r\n", "\n") for name, value in entries(form_of(text))}


def errors(text: str) -> dict[str, str]:
    """Return the messages beside the fields of a page, by name; "" for those of the whole form."""
    found = {}
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    for element in tree.iter("ul"):
        if element.get("class") == "errors":
            name = element.get("id", "").removeprefix("error-")
            found[name] = " ".join("".join(item.itertext()) for item in element)
    for notice in tree.iter("div"):
        if notice.get("role") == "alert":
            whole = [item for item in notice.iter("li") if item.find("a") is None]
            if whole:
                found[""] = " ".join("".join(item.itertext()) for item in whole)
    return found
