"""What a WSGI server loads: `granian --interface wsgi wsgi:app`, `gunicorn wsgi:app`.

It never changes a schema: run `webadmin init` before the first start and after an upgrade.
"""

from webadmin import create_app

app = create_app()
