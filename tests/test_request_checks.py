"""Bad input: a clear answer, nothing stored is touched, never a 500."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pages import add_people, hidden, stored

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"name=a%00b", "NUL"),
        (b"name=a\0b", "NUL"),
        (b"name=%FF", "not UTF-8"),
        (b"name=\xff", "not UTF-8"),
        (b"name=%ED%A0%80", "not UTF-8"),
        (b"%C3=x", "not UTF-8"),
    ],
)
def test_broken_text_is_refused(client: FlaskClient, app: Flask, body: bytes, message: str) -> None:
    response = client.post("/users/new", data=body, content_type=FORM)
    assert response.status_code == 400
    assert message in response.text
    assert stored(app) == []


def test_broken_text_in_a_multipart_form_is_refused(client: FlaskClient, app: Flask) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\na\xff\r\n--b--\r\n'
    response = client.post("/users/new", data=body, content_type="multipart/form-data; boundary=b")
    assert response.status_code == 400
    assert stored(app) == []


def test_a_multipart_form_works(client: FlaskClient, app: Flask) -> None:
    response = client.post("/users/new", data={"name": "Ada"}, content_type="multipart/form-data")
    assert response.status_code == 303
    assert stored(app) == [(1, "Ada", None)]


@pytest.mark.parametrize("query", ["q=%FF", "q=%00", "name=%C3", "%FF=1"])
def test_broken_text_in_the_address_is_refused(client: FlaskClient, query: str) -> None:
    response = client.get(f"/users/?{query}")
    assert response.status_code == 400
    assert "It holds" in response.text


@pytest.mark.parametrize("type_", ["application/json", "text/plain", "application/xml", "x"])
def test_what_is_no_form_is_refused(client: FlaskClient, app: Flask, type_: str) -> None:
    response = client.post("/users/new", data=b'{"name": "x"}', content_type=type_)
    assert response.status_code == 415
    assert "not a form" in response.text
    assert stored(app) == []


def test_a_large_body_is_refused(client: FlaskClient, app: Flask) -> None:
    response = client.post("/users/new", data={"name": "a" * 1_000_001})
    assert response.status_code == 413
    assert "too large" in response.text
    response = client.post("/users/new", data={"name": "a" * 900_000})
    assert response.status_code == 422
    assert "at most 255 characters" in response.text
    assert stored(app) == []


def test_a_thousand_fields_are_no_trouble(client: FlaskClient, app: Flask) -> None:
    many = {f"field{i}": "x" for i in range(1500)}
    assert client.post("/users/new", data=many).status_code == 422
    multipart = client.post("/users/new", data=many, content_type="multipart/form-data")
    assert multipart.status_code == 413
    assert client.post("/users/new", data=many | {"name": "Ada"}).status_code == 303
    assert len(stored(app)) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Fill in this field"),
        ({"name": " \u00a0\u2003 "}, "Fill in this field"),
        ({"name": "a" * 256}, "at most 255 characters; these are 256"),
        ({"name": "a\tb"}, "control characters"),
        ({"name": "a\nb"}, "control characters"),
        ({"name": "a\x7fb"}, "U+007F"),
        ({"name": "a\u0085b"}, "U+0085"),
        ({"name": "a", "age": "-1"}, "from 0 to 150"),
        ({"name": "a", "age": "151"}, "from 0 to 150"),
        ({"name": "a", "age": "1.5"}, "plain digits"),
        ({"name": "a", "age": "٣"}, "plain digits"),
        ({"name": "a", "age": "1_0"}, "plain digits"),
        ({"name": "a", "age": "9" * 30}, "from 0 to 150"),
    ],
)
def test_wrong_values(client: FlaskClient, app: Flask, data: dict[str, str], message: str) -> None:
    response = client.post("/users/new", data=data)
    assert response.status_code == 422
    assert message in response.text
    assert stored(app) == []


def test_an_unknown_host_is_refused_before_anything_else(empty_app: Flask) -> None:
    empty_app.config["TRUSTED_HOSTS"] = ["admin.example.com"]
    client = empty_app.test_client()
    for path in ("/users/", "/users", "/nope", "/healthz"):
        response = client.get(path, headers={"Host": "evil.example"})
        assert response.status_code == 400, path
        assert "evil" not in response.headers.get("Location", "")
    right = client.get("/healthz", headers={"Host": "admin.example.com"})
    assert right.status_code == 200


@pytest.fixture
def guarded(app: Flask) -> FlaskClient:
    """A browser whose forms need their CSRF token."""
    return app.test_client()


@pytest.mark.parametrize("token", [None, "", "junk", "foreign"])
def test_a_form_without_its_token_is_offered_again(
    app: Flask, guarded: FlaskClient, token: str | None
) -> None:
    add_people(app)
    data = {"name": "Typed by hand", "age": "42"}
    if token == "foreign":
        token = hidden(app.test_client().get("/users/new"), "csrf_token")
    if token is not None:
        data["csrf_token"] = token
    before = stored(app)
    response = guarded.post("/users/new", data=data)
    assert response.status_code == 400
    assert 'value="Typed by hand"' in response.text
    assert "expired" in response.text
    assert stored(app) == before
    fresh = data | {"csrf_token": hidden(response, "csrf_token")}
    assert guarded.post("/users/new", data=fresh).status_code == 303


def test_an_edit_without_its_token_is_offered_again(app: Flask, guarded: FlaskClient) -> None:
    add_people(app)
    page = guarded.get("/users/1/edit")
    data = {"name": "Typed", "age": "42", "_original": hidden(page, "_original")}
    response = guarded.post("/users/1/edit", data=data)
    assert response.status_code == 400
    assert 'value="Typed"' in response.text
    names = ("csrf_token", "_original")
    again = data | {name: hidden(response, name) for name in names}
    assert guarded.post("/users/1/edit", data=again).status_code == 303
    assert stored(app)[0] == (1, "Typed", 42)


def test_a_delete_without_its_token_is_offered_again(app: Flask, guarded: FlaskClient) -> None:
    add_people(app)
    response = guarded.post("/users/1/delete?sort=name")
    assert response.status_code == 400
    assert len(stored(app)) == 5
    assert '<form method="post">' in response.text  # to the same address, whatever stands in it
    data = {"csrf_token": hidden(response, "csrf_token")}
    assert guarded.post("/users/1/delete?sort=name", data=data).status_code == 303
    assert len(stored(app)) == 4


def test_a_wrong_method_is_named_before_a_wrong_body(app: Flask, client: FlaskClient) -> None:
    assert client.put("/users/1", json={"name": "x"}).status_code == 405


def test_a_body_of_unknown_length_is_refused(app: Flask, client: FlaskClient) -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Type": FORM}
    assert client.post("/users/new", headers=headers).status_code == 411
    assert stored(app) == []
