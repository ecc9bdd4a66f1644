"""Keys in URLs: every key has one address, and every address at most one key."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from webadmin import create_app, keys
from webadmin.pages import PAGES, blueprint_for
from webadmin.resource import Resource


class Base(DeclarativeBase):
    pass


class Word(Base):
    __tablename__ = "word"
    text: Mapped[str] = mapped_column(sa.String(50), primary_key=True)


class Triple(Base):
    __tablename__ = "triple"
    one: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    two: Mapped[int] = mapped_column(primary_key=True)
    three: Mapped[Any] = mapped_column(sa.Date, primary_key=True)


WORDS, TRIPLES = Resource(model=Word), Resource(model=Triple)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
# Pieces of URLs, of which the hardest keys are made.
HARD = st.lists(st.sampled_from([*"/%.,?#&=+; \\:@~'\"<>\n\t0aé", "%2F", "%00", "new", "..", "//"]))
KEYS = TEXT | HARD.map("".join) | st.sampled_from([*keys.PAGE_WORDS, ".", "..", "", "%"])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("keys")
    app = create_app({"SECRET_KEY": "x", "INSTANCE_PATH": str(folder)})
    for resource in (WORDS, TRIPLES):
        app.register_blueprint(blueprint_for(resource))
    return app


def routed(app: Flask, path: str) -> tuple[str, str]:
    """Return the page and the key that a request for a path leads to, as a server hands it on."""
    split = urlsplit(f"http://localhost{path}")
    assert (split.query, split.fragment) == ("", "")
    adapter = app.url_map.bind("localhost")
    endpoint, arguments = adapter.match(unquote(split.path, errors="strict"))
    return endpoint, arguments["key"]


@given(KEYS)
@example("new")
@example("..")
@example("")
@example("a%2Fb")
def test_any_text_finds_its_way_back(app: Flask, word: str) -> None:
    text = keys.key_text(WORDS, (word,))
    segment = keys.in_url(text)
    assert segment.isascii()
    assert not set(segment) & set(' "<>?#/\\\n')
    for page in PAGES:
        if "<key>" in page.path:
            path = f"/word{page.path.replace('<key>', segment)}"
            endpoint, found = routed(app, path)
            assert endpoint == f"word.{page.name}"
            assert keys.parse_key(WORDS, found, "sqlite") == (word,)


@given(KEYS, st.integers(-(2**31), 2**31 - 1), st.dates())
def test_a_composite_key_finds_its_way_back(app: Flask, one: str, two: int, three: Any) -> None:
    segment = keys.in_url(keys.key_text(TRIPLES, (one, two, three)))
    endpoint, found = routed(app, f"/triple/{segment}")
    assert endpoint == "triple.detail"
    assert keys.parse_key(TRIPLES, found, "postgresql") == (one, two, three)


@given(KEYS, KEYS)
def test_two_keys_never_share_an_address(one: str, other: str) -> None:
    texts = [keys.key_text(WORDS, (each,)) for each in (one, other)]
    assert (one == other) == (texts[0] == texts[1])


@given(st.text())
def test_no_address_breaks(text: str) -> None:
    for resource in (WORDS, TRIPLES):
        for dialect in ("sqlite", "postgresql", "mariadb"):
            found = keys.parse_key(resource, text, dialect)
            assert found is None or len(found) == len(resource.key_columns)


@pytest.mark.parametrize(
    "text",
    ["", ",", "a", "a,1", "a,1,2026-01-01,", "a,01,2026-01-01", "a,+1,2026-01-01", "a,1,2026-1-1",
     "a,٣,2026-01-01", "a,2147483648,2026-01-01", "%FF,1,2026-01-01", "%00,1,2026-01-01"],
)  # fmt: skip
def test_what_is_no_key_is_none(text: str) -> None:
    assert keys.parse_key(TRIPLES, text, "postgresql") is None


def test_an_address_that_would_leave_the_resource_is_not_made() -> None:
    for word in (".", "..", "/", "//", "\\", "new"):
        segment = keys.in_url(keys.key_text(WORDS, (word,)))
        # A browser takes %2e for a dot, too: https://url.spec.whatwg.org/#double-dot-path-segment
        assert segment.lower() not in (".", "..", "%2e", "%2e%2e", ".%2e", "%2e.")
        assert segment != "new"
