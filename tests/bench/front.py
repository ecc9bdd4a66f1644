"""nginx in front of a site, configured as README says, but without HTTPS."""

import getpass
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sites import BenchError, Site, server

# README's has a limit of connections for each address: here all come from one.
CONFIGURATION = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 1m;
        client_header_timeout 10s;
        client_body_timeout 20s;
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@contextmanager
def nginx(site: Site, folder: Path) -> Iterator[Site]:
    """Start nginx before a site, and yield the site as it is seen from there.

    Raises:
        BenchError: nginx is not installed, or does not start.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise BenchError("nginx is not installed.")
    inside = folder / "nginx"
    inside.mkdir(exist_ok=True)
    command = [sys.executable, __file__, program, str(inside), str(site.port)]
    with server(command, {}, name=site.name, door=site.door) as front:
        yield replace(site, port=front.port)


def main() -> None:
    """Become nginx; the port is the last argument, as of all servers."""
    program, folder, behind, port = sys.argv[1:]
    # As root it would work as somebody who may not enter the folder.
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    text = CONFIGURATION.format(folder=folder, behind=behind, port=port, user=user)
    configuration = Path(folder) / "nginx.conf"
    configuration.write_text(text)
    os.execv(program, [program, "-p", folder, "-c", str(configuration)])


if __name__ == "__main__":
    main()
