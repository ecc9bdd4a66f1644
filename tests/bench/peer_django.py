"""Django admin on the table of users: what its own tutorial does, in one file."""

import os
from typing import ClassVar
from urllib.parse import unquote, urlsplit

import django
import pymysql
from django.apps import AppConfig
from django.conf import settings

pymysql.install_as_MySQLdb()
URI = urlsplit(os.environ["BENCH_URI"])
ENGINES = {"sqlite": "sqlite3", "postgresql": "postgresql", "mariadb": "mysql", "mysql": "mysql"}
DBMS = ENGINES[URI.scheme.partition("+")[0]]


class Bench(AppConfig):
    """The application that the model belongs to."""

    name = "peer_django"
    label = "bench"
    default_auto_field = "django.db.models.AutoField"
    path = os.path.dirname(__file__)


DATABASE = {
    "ENGINE": f"django.db.backends.{DBMS}",
    "NAME": URI.path[1:],
    "HOST": URI.hostname or "",
    "PORT": URI.port or "",
    "USER": unquote(URI.username or ""),
    "PASSWORD": unquote(URI.password or ""),
    "CONN_MAX_AGE": None,
}
CONTEXT = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)
settings.configure(
    SECRET_KEY="only for a benchmark",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="peer_django",
    DATABASES={"default": DATABASE},
    STATIC_URL="/static/",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "peer_django.Bench",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": CONTEXT},
        }
    ],
)
django.setup()

# What follows needs the settings.
from django.contrib import admin  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402


class User(models.Model):
    """A person."""

    name = models.CharField(max_length=255, null=True)
    age = models.IntegerField(null=True)

    class Meta:
        """The table that is there already."""

        app_label = "bench"
        db_table = "users"
        managed = False


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """The pages of users."""

    list_display: ClassVar = ("id", "name", "age")
    list_per_page = 50
    ordering: ClassVar = ("id",)
    search_fields: ClassVar = ("name",)


urlpatterns = [path("admin/", admin.site.urls)]
app = get_wsgi_application()


def prepare() -> None:
    """Make Django's own tables and its account, where they are not there."""
    from django.contrib.auth.models import User as Account
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    email = os.environ["BENCH_EMAIL"]
    if not Account.objects.filter(username=email).exists():
        Account.objects.create_superuser(email, email, os.environ["BENCH_PASSWORD"])
