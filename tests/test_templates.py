"""The HTML of every page: valid, without inline code, small, and with no text left untranslated."""

import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment
from werkzeug.test import TestResponse

from conftest import database_with_tables, settings
from pages import add_people, edit, hidden
from webadmin import create_app
from webadmin.database import db, writing

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NAMES = [str(path.relative_to(ROOT / "templates")) for path in TEMPLATES]
KILOBYTE = 1000
NARROWED = "q=b&age__gte=18&age__lte=65&name__isnull=0&sort=-age,name"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Flask]:
    """A site on SQLite: what its HTML is like does not depend on the database."""
    app = create_app(settings(database_with_tables("sqlite", tmp_path, {}), tmp_path))
    app.config |= {"WTF_CSRF_ENABLED": False, "PROPAGATE_EXCEPTIONS": False}
    yield app
    with app.app_context():
        db.engine.dispose()


def conflict(client: FlaskClient) -> TestResponse:
    """Save another value under somebody who is editing."""
    original = hidden(client.get("/users/1/edit"), "_original")
    edit(client, 1, age="37")
    return client.post("/users/1/edit", data={"name": "A", "age": "38", "_original": original})


def expired(app: Flask, client: FlaskClient, path: str) -> TestResponse:
    """Send a form whose token is wrong."""
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        return client.post(path, data={"name": "<Ada>", "csrf_token": "stale"})
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


def broken(app: Flask, client: FlaskClient) -> TestResponse:
    """Meet an error that nobody expected."""
    view, app.view_functions["users.index"] = app.view_functions["users.index"], lambda: 1 / 0
    try:
        return client.get("/users/")
    finally:
        app.view_functions["users.index"] = view


def tableless(app: Flask, client: FlaskClient) -> TestResponse:
    """Ask for records where there is no table."""
    with app.app_context(), writing():
        db.session.execute(db.text("DROP TABLE users"))
        db.session.commit()
    return client.get("/users/")


def pages(app: Flask, client: FlaskClient) -> dict[str, tuple[int, str]]:
    """Return every kind of page: its status and its HTML."""
    found = {"empty list": client.get("/users/")}
    people = [("A & B <b>", 30), (None, None), ('"quoted"', 0), ("فاطمة", 4)]
    add_people(app, people * 15)
    found |= {
        "home": client.get("/"),
        "list": client.get("/users/"),
        "second page": client.get("/users/?before=end&size=25"),
        "narrowed list": client.get(f"/users/?{NARROWED}"),
        "nothing matches": client.get("/users/?q=nobody"),
        "detail": client.get("/users/2?sort=name"),
        "new": client.get("/users/new"),
        "edit": client.get("/users/3/edit"),
        "delete": client.get("/users/1/delete"),
        "form with errors": client.post("/users/new", data={"name": "", "age": '"x"'}),
        "conflict": conflict(client),
        "flash": client.get("/users/"),
        "expired form": expired(app, client, "/users/new"),
        "expired deletion": expired(app, client, "/users/1/delete"),
        "400": client.get("/users/?sort=nothing"),
        "404": client.get("/users/abc"),
        "405": client.put("/users/1"),
        "413": client.post("/users/new", data={"name": "x" * 1_100_000}),
        "415": client.post("/users/new", data="{}", content_type="application/json"),
        "500": broken(app, client),
        "503": tableless(app, client),
    }  # fmt: skip
    return {name: (response.status_code, response.text) for name, response in found.items()}


def elements(page: str) -> list[Element]:
    """Return the elements of a page; raises where it is not valid HTML."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return [each for each in parser.parse(page).iter() if isinstance(each.tag, str)]


def problems(page: str) -> list[str]:
    """Return what a page holds that it may not, or lacks."""
    found = []
    all_ = elements(page)
    ids = [each.get("id") for each in all_ if each.get("id")]
    found += [f"id {each} twice" for each in set(ids) if ids.count(each) > 1]
    found += [f"id {each!r} with a space" for each in ids if re.search(r"\s", str(each))]
    found += [f"no {each.get('for')}" for each in all_ if each.get("for", ids[0]) not in ids]
    for element in all_:
        for name, value in element.items():
            if name == "style" or name.startswith("on"):
                found.append(f"{element.tag} with {name}")
            if name in ("href", "src", "action") and re.match(r"(?:[a-z]+:)?//", value):
                found.append(f"{name} leads away: {value}")
            if name in ("aria-describedby", "aria-labelledby"):
                found += [f"no {each} for {name}" for each in value.split() if each not in ids]
    if any(each.tag == "style" or (each.tag == "script" and not each.get("src")) for each in all_):
        found.append("inline style or script")
    titles = [each for each in all_ if each.tag == "title"]
    if len(titles) != 1 or not re.match(r"\S.* · \S", titles[0].text or ""):
        found.append("title")
    headings = [int(each.tag[1]) for each in all_ if re.fullmatch(r"h[1-6]", each.tag)]
    if headings[:1] != [1] or headings.count(1) != 1:
        found.append(f"headings {headings}")
    return found


def test_every_page_is_valid_html(site: Flask) -> None:
    statuses = {
        "form with errors": 422, "conflict": 409, "expired form": 400, "expired deletion": 400,
        "400": 400, "404": 404, "405": 405, "413": 413, "415": 415, "500": 500, "503": 503,
    }  # fmt: skip
    for name, (status, page) in pages(site, site.test_client()).items():
        assert status == statuses.get(name, 200), name
        assert problems(page) == [], name


@pytest.mark.parametrize(
    "wrong",
    [
        '<p style="color: red">x</p>',
        '<a href="#" onclick="x()">x</a>',
        "<script>x()</script>",
        '<img alt="" src="//example.org/x.png">',
        '<i id="a"></i><i id="a"></i>',
        '<label for="nobody">x</label>',
        "<h1>second</h1>",
    ],
)
def test_the_checks_of_html_find(wrong: str) -> None:
    page = (
        '<!doctype html><html lang="en"><head><title>A · B</title></head>'
        '<body id="b"><h1>A</h1>{}</body></html>'
    )
    assert problems(page.format("")) == []
    assert problems(page.format(wrong)) != []


def test_pages_are_titled_by_record_and_resource(site: Flask) -> None:
    client = site.test_client()
    add_people(site, [("Ada", 36)])
    for path, title in {
        "/": "Home · webadmin",
        "/users/": "Users · webadmin",
        "/users/1": "Ada · Users · webadmin",
        "/users/1/edit": "Edit Ada · Users · webadmin",
        "/users/1/delete": "Delete Ada · Users · webadmin",
    }.items():
        assert f"<title>{title}</title>" in client.get(path).text


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_templates_are_short_and_compile(path: Path, site: Flask) -> None:
    assert len(path.read_text().splitlines()) <= 100
    assert site.jinja_env.get_template(str(path.relative_to(ROOT / "templates")))


def test_a_list_is_small(site: Flask) -> None:
    add_people(site, [(f"Somebody of a middling name {i}", i % 100) for i in range(200)])
    page = site.test_client().get("/users/").text
    assert page.count("<tr id=") == 50
    assert len(page.encode()) < 25 * KILOBYTE


def test_sheets_and_scripts_are_small(site: Flask) -> None:
    client = site.test_client()
    add_people(site, [("Ada", 36)])
    urls = set()
    paths = ("/users/", "/users/1/edit", "/account/password", "/account/passkeys")
    pages = [client.get(path) for path in paths]
    pages.append(client.post("/users/bulk/edit", data={"key": "1"}))
    for page in pages:
        for each in elements(page.text):
            if each.get("rel") == "stylesheet" or each.tag == "script":
                urls.add(each.get("href") or each.get("src") or "")
    files = {url: client.get(url, buffered=True) for url in urls}
    shipped = [*ROOT.glob("static/css/*"), *ROOT.glob("static/js/*")]
    assert {url.partition("?")[0] for url in urls} >= {f"/{p.relative_to(ROOT)}" for p in shipped}
    assert all(file.status_code == 200 for file in files.values())
    assert sum(len(gzip.compress(file.data)) for file in files.values()) < 60 * KILOBYTE


def test_sheets_use_logical_properties_only() -> None:
    physical = re.compile(
        r"(?<![\w-])((margin|padding|border)-(left|right|top|bottom)|left|right|top|bottom|width|"
        r"height|(min|max)-(width|height)|text-align:\s*(left|right))\s*:"
    )
    for path in (ROOT / "static" / "css").iterdir():
        rules = re.sub(r"@media[^{]*", "", path.read_text())
        assert physical.search(rules) is None, path.name
        assert "gradient" not in rules
        assert "http" not in rules.replace("http://www.w3.org/2000/svg", "")


class Literals(HTMLParser):
    """Collects the visible texts of a template that stand there as they are."""

    VISIBLE = ("title", "aria-label", "placeholder", "alt", "label", "data-failed")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        shown = tag == "input" and values.get("type") in ("submit", "button", "reset", "text")
        for name in self.VISIBLE + (("value",) if shown else ()):
            self.handle_data(values.get(name) or "")

    def handle_data(self, data: str) -> None:
        # A single letter is a key of the keyboard; a command is the same in every language.
        if re.search(r"[^\W\d_]{2,}", data) and not data.startswith("webadmin "):
            self.found.append(data.strip())


def literals(source: str) -> list[str]:
    """Return the visible literal texts of a Jinja template."""
    parts, inside = [], ""
    for _, kind, value in Environment().lex(source):
        if kind == "data":
            parts.append(value)
        elif kind in ("variable_begin", "block_begin", "comment_begin"):
            inside = kind
        elif kind == inside.replace("begin", "end"):
            # An element or attribute stays whole with what Jinja would write cut out of it.
            parts.append("1" if inside == "variable_begin" else " ")
    scanner = Literals()
    scanner.feed("".join(parts))
    scanner.close()
    return scanner.found


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_no_text_escapes_translation(path: Path) -> None:
    assert literals(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Forgotten</p>", ["Forgotten"]),
        ("<p>{{ _('Kept') }}</p>", []),
        ('<a title="Forgotten" href="{{ url }}">{{ x }}</a>', ["Forgotten"]),
        ('<a{% if x %} aria-label="Go {{ x }}"{% endif %}></a>', ["Go 1"]),
        ('<input type="submit" value="Send">', ["Send"]),
        ('<input type="hidden" name="then" value="edit">', []),
        ("<kbd>n</kbd>", []),
        ("{# A comment #}", []),
    ],
)
def test_the_search_for_texts_finds(source: str, found: list[str]) -> None:
    assert literals(source) == found
