"""Settings: where they come from, and what is said of wrong ones."""

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from webadmin import config, create_app
from webadmin.config import SETTINGS, ConfigError

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(f"WEBADMIN_{setting.name}", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme(setting: config.Setting) -> None:
    assert f"| `WEBADMIN_{setting.name}` |" in README.read_text()
    assert setting.help


def test_the_environment_wins_over_the_file_and_arguments_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.py").write_text("SITE_NAME = 'from the file'\nPOOL_SIZE = 7\n")
    assert create_app().config["SITE_NAME"] == "from the file"
    monkeypatch.setenv("WEBADMIN_SITE_NAME", "from the environment")
    app = create_app()
    assert (app.config["SITE_NAME"], app.config["POOL_SIZE"]) == ("from the environment", 7)
    assert create_app({"SITE_NAME": "argument"}).config["SITE_NAME"] == "argument"


def test_database_url_is_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///second.sqlite")
    assert create_app().config["DATABASE_URI"] == "sqlite:///second.sqlite"
    monkeypatch.setenv("WEBADMIN_DATABASE_URI", "sqlite:///first.sqlite")
    assert create_app().config["DATABASE_URI"] == "sqlite:///first.sqlite"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("POOL_SIZE", "many", "a whole number such as 10"),
        ("POOL_SIZE", "-1", "a whole number"),
        ("TIMEZONE", "Mars/Olympus", "IANA"),
        ("TIMEZONE", "../etc/passwd", "IANA"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("LANGUAGE", "tlh", "en, de"),
    ],
)
def test_a_wrong_value_is_explained(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"WEBADMIN_{name}", value)
    with pytest.raises(ConfigError) as raised:
        create_app()
    assert f"WEBADMIN_{name}" in str(raised.value)
    assert message in str(raised.value)


def test_an_unknown_setting_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEBADMIN_DATABSE_URI", "sqlite://")
    with caplog.at_level(logging.WARNING):
        create_app()
    assert "WEBADMIN_DATABSE_URI is not a setting" in caplog.text


def test_the_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: config._kept_keys(tmp_path)[0], range(16)))
    assert len(keys) == 1
    path = tmp_path / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
    assert len(path.read_text()) >= 64


def test_an_unusable_instance_folder_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path / "file" / "below"))
    with pytest.raises(ConfigError, match="WEBADMIN_INSTANCE_PATH"):
        create_app()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (", "line 1"),
        ("LANGUAGE = 'xx'", "en, de"),
        ("DATABASE_TIMEOUT = 'abc'", "a whole number"),
        ("POOL_SIZE = 0", "at least 1"),
        ("TIMEZONE = 'Mars'", "IANA"),
    ],
)
def test_the_file_is_checked_as_well(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.py").write_text(text)
    with pytest.raises(ConfigError) as raised:
        create_app()
    assert "config.py" in str(raised.value)
    assert message in str(raised.value)


def test_the_file_wins_over_database_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("DATABASE_URI = 'sqlite:///file.sqlite'\n")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///url.sqlite")
    assert create_app().config["DATABASE_URI"] == "sqlite:///file.sqlite"
