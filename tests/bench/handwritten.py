"""The yardstick: a list, a detail page and an export as one writes them by hand.

Raw SQL through the driver, one open connection a thread, one template a page. It runs under the
same server with the same settings:

    python tests/bench/handwritten.py DATABASE_URI PORT
"""

import csv
import io
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pymysql
import pymysql.cursors
from flask import Flask, Response, abort, render_template, request
from jinja2 import DictLoader
from sqlalchemy import make_url

from webadmin import server

TEMPLATES = {
    "list.html": """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Users</title></head>
<body>
<h1>Users</h1>
<table>
<thead><tr><th>Id</th><th>Name</th><th>Age</th></tr></thead>
<tbody>
{% for id, name, age in rows %}
<tr><td>{{ id }}</td><td><a href="/users/{{ id }}">{{ name }}</a></td>
<td>{{ '' if age is none else age }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if following %}<a href="/users/?after={{ following }}">Next</a>{% endif %}
</body>
</html>
""",
    "detail.html": """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ name }}</title></head>
<body>
<h1>{{ name }}</h1>
<dl>
<dt>Id</dt><dd>{{ id }}</dd>
<dt>Name</dt><dd>{{ name }}</dd>
<dt>Age</dt><dd>{{ '' if age is none else age }}</dd>
</dl>
<a href="/users/">Users</a>
</body>
</html>
""",
}

Query = Callable[..., Sequence[Any]]


def opened(uri: str) -> Any:
    """Return a connection of the driver's own, in autocommit mode."""
    url = make_url(uri)
    place: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
    }
    place = {name: value for name, value in place.items() if value is not None}
    if url.get_backend_name() == "sqlite":
        return sqlite3.connect(str(url.database), isolation_level=None, check_same_thread=False)
    if url.get_backend_name() == "postgresql":
        return psycopg.connect(**place, dbname=url.database, autocommit=True)
    return pymysql.connect(**place, database=url.database, charset="utf8mb4", autocommit=True)


def connect(uri: str) -> Query:
    """Return what sends a statement, with ? for its values, and returns the rows."""
    mark = "?" if make_url(uri).get_backend_name() == "sqlite" else "%s"
    kept = threading.local()

    def query(statement: str, *values: object) -> Sequence[Any]:
        if not hasattr(kept, "connection"):
            kept.connection = opened(uri)
        cursor = kept.connection.cursor()
        cursor.execute(statement.replace("?", mark), values)
        rows: Sequence[Any] = cursor.fetchall()
        cursor.close()
        return rows

    return query


def loop(uri: str) -> Iterator[str]:
    """Yield all users as CSV in pieces of 64 KiB, read from a cursor as it goes."""
    connection = opened(uri)
    options: dict[str, Any] = {}
    if make_url(uri).get_backend_name() == "postgresql":
        connection.autocommit = False  # a cursor of the server's needs a transaction
        options = {"name": "export"}
    elif make_url(uri).get_backend_name() != "sqlite":
        options = {"cursor": pymysql.cursors.SSCursor}
    cursor = connection.cursor(**options)
    if options.get("name"):
        cursor.itersize = 1000
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["id", "name", "age"])
    cursor.execute("SELECT id, name, age FROM users ORDER BY id")
    for row in cursor:
        writer.writerow(row)
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
    cursor.close()
    connection.close()


def make(settings: dict[str, object]) -> Flask:
    """Return the site: /users/ with ?after=ID or ?before=end, /users/ID, /users/export.csv."""
    app = Flask(__name__)
    app.jinja_loader = DictLoader(TEMPLATES)
    uri = str(settings["DATABASE_URI"])
    query = connect(uri)

    @app.get("/users/")
    def index() -> str:
        if request.args.get("before") == "end":
            rows = query("SELECT id, name, age FROM users ORDER BY id DESC LIMIT 50")[::-1]
            return render_template("list.html", rows=rows, following=None)
        rows = query(
            "SELECT id, name, age FROM users WHERE id > ? ORDER BY id LIMIT 51",
            request.args.get("after", 0, int),
        )
        following = rows[49][0] if len(rows) > 50 else None
        return render_template("list.html", rows=rows[:50], following=following)

    @app.get("/users/<int:key>")
    def detail(key: int) -> str:
        rows = query("SELECT id, name, age FROM users WHERE id = ?", key)
        if not rows:
            abort(404)
        id_, name, age = rows[0]
        return render_template("detail.html", id=id_, name=name, age=age)

    @app.get("/users/export.csv")
    def export() -> Response:
        return Response(loop(uri), mimetype="text/csv")

    return app


if __name__ == "__main__":
    server.serve(make, {"DATABASE_URI": sys.argv[1]}, server.address("127.0.0.1", int(sys.argv[2])))
