"""The command: what it says, its exit status, and a server that starts and stops."""

import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from signing_in import PASSWORD, Visitor
from webadmin import __version__, cli, cli_site, samples, schema, server
from webadmin.database import database_url

ROOT = Path(__file__).parent.parent
Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests, and an instance folder of the test's own."""
    for name in list(os.environ):
        if name.startswith("WEBADMIN_") and not name.startswith("WEBADMIN_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path / "instance"))


@pytest.fixture
def command() -> Command:
    """Runs the command in this process, `run` at a port that is free unless one is given."""

    def run(*arguments: str, typed: str | None = None) -> Result:
        if "run" in arguments and "--port" not in arguments:
            arguments += ("--port", str(free_port()))
        return CliRunner().invoke(cli.main, arguments, prog_name="webadmin", input=typed)

    return run


def refusal(result: Result) -> str:
    """The one line of a command that could not do its work."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """A started `webadmin run`: the process, its URL, and the lines it began with."""
    port = free_port()
    code = "from webadmin.cli import main; main(prog_name='webadmin')"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,  # a group of its own, as a terminal gives it
    ) as process:
        try:
            assert process.stdout
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if line.startswith("Stop it"):
                    break
            yield process, f"http://127.0.0.1:{port}", lines
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        code: int = response.status
        return code


def first_account(url: str, lines: list[str]) -> Visitor:
    """Make the first account by the link that `run` printed; return its signed-in browser."""
    [link] = [line.strip() for line in lines if "/setup/" in line]
    assert link.startswith(f"{url}/setup/")
    visitor = Visitor(url)
    visitor.form_page = visitor.get(link.removeprefix(url))
    visitor.post(link.removeprefix(url), email="ada@example.com", password=PASSWORD)
    return visitor


def test_version(command: Command) -> None:
    assert command("--version").output == f"webadmin, version {__version__}\n"


@pytest.mark.parametrize("name", [[], *([name] for name in cli.main.commands)])
def test_help_has_an_example(command: Command, name: list[str]) -> None:
    result = command(*name, "--help")
    assert result.exit_code == 0
    assert f"Example: webadmin {' '.join(name)}".rstrip() in result.output


def test_init_twice(command: Command, database_uri: str) -> None:
    first = command("--database", database_uri, "init")
    assert (first.exit_code, first.stderr) == (0, "")
    assert "Made the table users." in first.output
    second = command("--database", database_uri, "init")
    assert second.exit_code == 0
    assert second.output.splitlines()[1:] == ["Everything is up to date."]


def test_check(command: Command, database_uri: str) -> None:
    before = command("--database", database_uri, "check")
    assert "webadmin init" in refusal(before)
    assert command("--database", database_uri, "sample", "7").exit_code == 0
    after = command("--database", database_uri, "check")
    assert (after.exit_code, after.stderr) == (0, "")
    assert f"webadmin: {__version__}" in after.output
    assert f"Schema:   {schema.HEAD}" in after.output
    assert "Records:  users: 7\n" in after.output
    assert after.output.endswith("Everything is up to date.\n")


def test_check_tells_what_is_pending(command: Command, database_uri: str, tmp_path: Path) -> None:
    engine = create_engine(database_url(database_uri, tmp_path))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, age INTEGER)"))
    engine.dispose()
    result = command("--database", database_uri, "check")
    assert "0001 users and submissions" in refusal(result)
    assert "Records:  users: 0" in result.stdout


def test_check_makes_no_file(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "none.sqlite"
    assert "does not exist yet" in refusal(command("--database", f"sqlite:///{file}", "check"))
    assert not file.exists()


def test_sample_is_reproducible(command: Command, database_uri: str, tmp_path: Path) -> None:
    for _ in range(2):
        result = command("--database", database_uri, "sample", "50")
        assert result.exit_code == 0, result.output
        assert "Added 50 people" in result.output
    engine = create_engine(database_url(database_uri, tmp_path))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, age FROM users ORDER BY id")).all()
    engine.dispose()
    assert rows == [(person["name"], person["age"]) for person in samples.people(50)] * 2


@pytest.mark.parametrize("number", ["0", "-5", "ten", "100000001", "1.5"])
def test_sample_takes_whole_numbers(command: Command, number: str) -> None:
    result = command("sample", "--", number)
    assert result.exit_code == 2
    assert number in result.stderr


def test_sample_that_is_stopped_says_how_far_it_got(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> Iterator[int]:
        yield 20_000
        raise KeyboardInterrupt

    monkeypatch.setattr(samples, "add", interrupted)
    assert "Stopped: 20,000 people were added" in refusal(command("sample", "50000"))


def test_the_embedded_database_is_in_the_instance_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBADMIN_SECRET_KEY", "so that nothing else makes the folder")
    result = command("init")
    file = tmp_path / "instance" / "webadmin.sqlite"
    assert f"Database: SQLite, {file}\n" in result.output
    assert file.exists()


def test_passwords_are_masked(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the URI and in what the driver says of it."""
    monkeypatch.setenv("WEBADMIN_DATABASE_URI", "postgresql://me:s3%40cret@127.0.0.1:1/x")
    said = refusal(command("init"))
    assert "postgresql+psycopg://me:***@127.0.0.1:1/x" in said
    assert "refused" in said
    url = make_url("postgresql://me:s3%40cret@127.0.0.1/x")
    error = SQLAlchemyError("no s3@cret, no s3%40cret")
    assert cli_site._explained(error, url).endswith("refuses: no ***, no ***.")


@pytest.mark.parametrize("name", ["run", "init", "check", "sample 1"])
@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("foo", "Write it like sqlite:///"),
        ("nosuch://u@h/d", "Write a URI like sqlite:///"),
        ("sqlite://", "name a file"),
        ("postgresql://u:pw@127.0.0.1:1/x", "Make sure that it runs"),
        ("mariadb://u:pw@127.0.0.1:1/x", "Make sure that it runs"),
    ],
)
def test_databases_that_cannot_be_used(command: Command, name: str, uri: str, wanted: str) -> None:
    said = refusal(command("--database", uri, *name.split()))
    assert wanted in said
    assert "pw" not in said


@pytest.mark.parametrize("name", ["run", "init", "sample 1"])
def test_files_that_cannot_be_used(command: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.txt").write_text("This is no database, but a text of some length." * 40)
    (tmp_path / "folder").mkdir()
    for file, wanted in {
        "text.txt": "text.txt is not a SQLite database",
        "folder": "it is a folder",
        "none/db.sqlite": "none does not exist",
        "text.txt/db.sqlite": "text.txt does not exist",
    }.items():
        uri = f"sqlite:///{tmp_path / file}"
        assert wanted in refusal(command("--database", uri, *name.split())), file


def test_an_instance_folder_that_cannot_be_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path / "file" / "instance"))
    assert "Make it writable" in refusal(command("run"))
    monkeypatch.setenv("WEBADMIN_SECRET_KEY", "key")
    assert "Make it writable" in refusal(command("run"))


def test_a_file_that_another_program_writes_to(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBADMIN_DATABASE_TIMEOUT", "1")
    file = tmp_path / "busy.sqlite"
    other = sqlite3.connect(file)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    assert "written to by another" in refusal(command("--database", f"sqlite:///{file}", "init"))
    other.close()


def test_run_at_a_busy_port(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refusal(command("run", "--port", port))
    assert f"Port {port} is in use by another program" in said
    assert "choose one from 1 to 65535" in refusal(command("run", "--port", "70000"))


def test_run_warns_when_others_can_reach_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "serve", lambda *_, **__: None)
    said = command("run", "--host", "0.0.0.0").stderr
    assert said.startswith("Warning: whoever is on the way to 0.0.0.0 port ")
    assert "can read passwords: put HTTPS in front" in said
    assert command("run").stderr == ""


def test_run_opens_the_browser_when_the_site_answers(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(server, "serve", lambda *_, ready, **__: ready())
    monkeypatch.setattr(cli.webbrowser, "open", opened.append)
    port = str(free_port())
    command("run", "--port", port)
    assert opened == []
    said = command("run", "--port", port, "--open").output
    link = opened.pop()
    assert link.startswith(f"http://127.0.0.1:{port}/setup/")
    assert f"  {link}\n" in said
    command("accounts", "add", "ada@example.com", "--role", "admin", typed=PASSWORD)
    said = command("run", "--port", port, "--open").output
    assert opened == [f"http://127.0.0.1:{port}/"]
    assert "/setup/" not in said


def test_run_without_init_makes_no_tables(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "serve", lambda *_, **__: None)
    uri = f"sqlite:///{tmp_path / 'new.sqlite'}"
    result = command("--database", uri, "run", "--no-init")
    assert (result.exit_code, result.stderr) == (0, "")
    assert not (tmp_path / "new.sqlite").exists()


def test_run_without_init_serves_a_database_without_tables(
    command: Command, monkeypatch: pytest.MonkeyPatch, database_uri: str
) -> None:
    """Its pages say what to do, and the link is good as soon as there are tables."""
    monkeypatch.setattr(server, "serve", lambda *_, ready, **__: ready())
    result = command("--database", database_uri, "run", "--no-init")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "/setup/" in result.output


def test_run_serves_and_stops(database_uri: str) -> None:
    with served("--database", database_uri, "run") as (process, url, lines):
        assert lines[-5] == f"webadmin {__version__} is at {url}/"
        assert lines[-4] == "Make the first account here, within 30 minutes:"
        assert lines[-2].startswith("Database: ")
        assert status(f"{url}/healthz") == 200
        assert "<h1>Users</h1>" in first_account(url, lines).get("/users/")
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl+C does
        out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_slow_client_holds_up_nobody() -> None:
    with served("run") as (_, url, _):
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port))) as slow:
            head = "POST /users/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            slow.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
            time.sleep(0.3)  # until the site waits for the rest
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                assert answer.status == 200


def test_a_thousand_idle_connections_hold_up_nobody() -> None:
    """More than Granian takes unless it is told to, and than a process may have open at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (min(1024, soft), hard)
    )  # what the server begins with
    with served("run") as (_, url, _), ExitStack() as idle:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
        host, port = url.removeprefix("http://").split(":")
        for _ in range(1200):
            idle.enter_context(socket.create_connection((host, int(port))))
        assert status(f"{url}/healthz") == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_run_stops_at_sigterm_with_several_workers() -> None:
    with served("run", "--workers", "2") as (process, url, _):
        assert status(f"{url}/healthz") == 200
        process.terminate()
        out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err) == (0, "", "")


def test_run_starts_again_when_a_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "added.py").write_text(
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n"
        "from webadmin.resource import Resource\n"
        "class Base(DeclarativeBase): pass\n"
        "class Thing(Base):\n"
        "    __tablename__ = 'things'\n"
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "THINGS = Resource(model=Thing)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("WEBADMIN_RESOURCES", "added")
    with served("run", "--reload") as (process, url, lines):
        assert "Made the table things." in lines
        visitor = first_account(url, lines)
        assert "<h1>Things</h1>" in visitor.get("/things/")
        source = (tmp_path / "added.py").read_text()
        source = source.replace("model=Thing", "model=Thing, name='stuff'")
        assert "<h1>Stuff</h1>" in _after_change(tmp_path / "added.py", source, visitor)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=15)
    assert process.returncode == 0


def _after_change(file: Path, source: str, visitor: Visitor) -> str:
    """Write a source file, again until it is noticed, and return the page of the stuff then."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        file.write_text(source)
        for _ in range(150):
            time.sleep(0.1)
            try:
                return visitor.get("/stuff/")
            except OSError:  # not found yet, or between two workers
                continue
    return ""


def completion(**variables: str) -> str:
    """What the command prints for a shell that completes words."""
    code = "from webadmin.cli import main; main(prog_name='webadmin')"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_script(shell: str) -> None:
    assert "_webadmin_completion" in completion(_WEBADMIN_COMPLETE=f"{shell}_source")


def test_completion_of_words() -> None:
    words = completion(
        _WEBADMIN_COMPLETE="bash_complete", COMP_WORDS="webadmin run --re", COMP_CWORD="2"
    )
    assert words == "plain,--reload\n"


def test_an_option_that_the_driver_does_not_know(command: Command) -> None:
    result = command("--database", "mariadb://root@127.0.0.1:1/test?bogus=1", "init")
    assert "an option that its driver does not know" in refusal(result)
