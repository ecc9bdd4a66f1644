"""Static files: compressed once, and answered by WhiteNoise before Flask is asked.

An answer costs a tenth of Flask's own: no session, no guard, no teardown.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from wsgiref.headers import Headers

import brotli
from flask import Flask
from werkzeug.exceptions import SecurityError
from werkzeug.wsgi import get_host
from whitenoise import WhiteNoise
from whitenoise.responders import MissingFileError, StaticFile

from webadmin.request_checks import HEADERS, HSTS
from webadmin.templating import asset_version

IMMUTABLE = "public, max-age=31536000, immutable"
BROTLI_QUALITY = 9  # 11 takes ten times as long for a tenth less
TYPES = {"speculation-rules.json": "application/speculationrules+json"}


def init_app(app: Flask) -> None:
    """Let WhiteNoise answer for the files of the site and of Bootstrap-Flask."""
    app.wsgi_app = StaticFiles(app)  # type: ignore[method-assign]


class StaticFiles(WhiteNoise):  # type: ignore[misc]
    """WhiteNoise, for files that are compressed when they are first asked for.

    It looks for a compressed file beside the file itself, in a folder of a package; ours are in
    the instance folder, by what they hold. Where that cannot be written, files go out as they are.

    Args:
        app: The site; what is no static file is left to it.
    """

    def __init__(self, app: Flask) -> None:
        # "autorefresh" asks the file system each time, so that a file that changes is seen.
        super().__init__(
            app.wsgi_app, autorefresh=True, max_age=None, allow_all_origins=False, mimetypes=TYPES
        )
        self.config = app.config
        bootstrap = app.blueprints["bootstrap"]
        self.add_files(str(app.static_folder), app.static_url_path)
        self.add_files(str(bootstrap.static_folder), bootstrap.static_url_path)
        self.compressed = Path(app.instance_path) / "static"
        self.known = lru_cache(maxsize=500)(self._file)

    def add_files(self, root: str, prefix: str | None = None) -> None:
        """Serve the files of a folder below a prefix."""
        super().add_files(root, prefix)
        self.roots = tuple(begins for _, begins in self.directories)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request; one that is not for a file there is goes to Flask, with its pages."""
        file, path = None, environ.get("PATH_INFO", "")
        reads = path.startswith(self.roots) and environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if reads and self._is_trusted(environ):
            file = self.find_file(path)
        if file is None:
            answer: Iterable[bytes] = self.application(environ, start_response)
            return answer
        named = environ.get("QUERY_STRING") == f"v={file.etag[3:-1]}"
        more = [*HEADERS.items(), ("Cache-Control", IMMUTABLE if named else "no-cache")]
        if environ["wsgi.url_scheme"] == "https":
            more.append(("Strict-Transport-Security", HSTS))
        # A server may leave Range aside (RFC 9110, 14.2); If-Range, which WhiteNoise does not
        # know, would need a tag for each encoding.
        environ.pop("HTTP_RANGE", None)
        served: Iterable[bytes] = self.serve(
            file, environ, lambda status, headers: start_response(status, [*headers, *more])
        )
        return served

    def _is_trusted(self, environ: dict[str, Any]) -> bool:
        """Return whether the site answers to the host of a request; Flask refuses others."""
        try:
            get_host(environ, self.config["TRUSTED_HOSTS"])
        except SecurityError:
            return False
        return True

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        """Return what answers for a file, made anew when the file was changed.

        Raises:
            MissingFileError: There is none.
        """
        if not os.path.isfile(path):
            raise MissingFileError(path)
        return self.known(path, url, os.stat(path).st_mtime_ns)

    def _file(self, path: str, url: str, _changed: int) -> StaticFile:
        version = asset_version(Path(path))
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        headers["ETag"] = f'W/"{version}"'  # weak: it stands for every encoding
        return StaticFile(path, headers.items(), encodings=self._variants(Path(path), version))

    def _variants(self, file: Path, version: str) -> dict[str, str]:
        """Return the paths of a compressed file by their encoding, made where there is none."""
        from whitenoise.compress import Compressor

        packers: dict[str, Callable[[bytes], bytes]] = {
            "gzip": Compressor.compress_gzip,
            "br": lambda data: bytes(brotli.compress(data, quality=BROTLI_QUALITY)),
        }
        if not Compressor(quiet=True).should_compress(file.name):
            return {}
        places = {encoding: self.compressed / f"{version}.{encoding}" for encoding in packers}
        for encoding, place in places.items():
            if not place.exists():
                with suppress(OSError):
                    _keep(place, packers[encoding](file.read_bytes()))
        return {encoding: str(place) for encoding, place in places.items() if place.exists()}


def _keep(place: Path, data: bytes) -> None:
    """Write a file that appears as a whole or not at all.

    Raises:
        OSError: There is no room, or no right to.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=place.parent) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.link(file.name, place)
