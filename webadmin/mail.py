"""Mail: sent behind the answer, which so waits for no server and takes as long for everybody."""

from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app
from flask_security import MailUtil

PORTS = {"smtp": 587, "smtps": 465}
TIMEOUT = 30.0  # seconds


def init_app(app: Flask) -> bool:
    """Set up the mail server of the settings; return whether there is one."""
    uri = app.config["MAIL_URI"]
    if not uri:
        return False
    from flask_mail import Mail as Mailer

    url = urlsplit(str(uri))
    app.config.update(
        MAIL_SERVER=url.hostname,
        MAIL_PORT=url.port or PORTS[url.scheme],
        MAIL_USE_SSL=url.scheme == "smtps",
        # A server of this machine, and one without a password, is spoken to as it is.
        MAIL_USE_TLS=url.scheme == "smtp" and url.password is not None,
        MAIL_USERNAME=unquote(url.username) if url.username else None,
        MAIL_PASSWORD=unquote(url.password) if url.password else None,
        MAIL_DEFAULT_SENDER=app.config["MAIL_SENDER"],
    )
    Mailer(app)
    return True


class Mail(MailUtil):
    """Sends Flask-Security's messages."""

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: Any,
        sender: Any,
        body: str | None,
        html: str | None,
        **context: Any,
    ) -> None:
        """Send a message from a thread of its own."""
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        arguments = (template, str(subject), recipient, str(sender), body, html)

        def send() -> None:
            with app.app_context():
                try:
                    super(Mail, self).send_mail(*arguments)
                except Exception as error:  # whatever a mail server says, the page is long gone
                    app.logger.error("Mail could not be sent: %r", type(error).__name__)

        Thread(target=send, name="mail").start()
