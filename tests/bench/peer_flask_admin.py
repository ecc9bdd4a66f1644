"""Flask-Admin on the table of users: what its own examples do, with a token in its forms."""

import os

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import SecureForm
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SECRET_KEY"] = "only for a benchmark"
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_URI"]
db = SQLAlchemy(app)


class User(db.Model):
    """A person."""

    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(255))
    age = db.Column(db.Integer)


class UserView(ModelView):
    """The pages of users."""

    form_base_class = SecureForm
    can_view_details = True
    page_size = 50
    column_list = ("id", "name", "age")
    column_default_sort = "id"
    column_sortable_list = ("id", "name", "age")
    column_searchable_list = ("name",)
    column_filters = ("name", "age")


Admin(app, name="bench").add_view(UserView(User, db))


def prepare() -> None:
    """Nothing is needed."""
