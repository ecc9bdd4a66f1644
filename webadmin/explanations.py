"""What error pages say: what happened, and what can be done."""

from dataclasses import dataclass
from typing import Any

from webadmin.messages import lazy_gettext


@dataclass(frozen=True)
class Explanation:
    """What an error page says: what happened, and what can be done: by `webadmin init`, there?"""

    title: Any
    happened: Any
    advice: Any
    needs_init: bool = False
    there: str = ""


EXPLANATIONS = {
    400: Explanation(
        lazy_gettext("This request cannot be understood"),
        lazy_gettext("Something in the address or in the form is not as it should be."),
        lazy_gettext("Go back and try again, or begin at the home page."),
    ),
    403: Explanation(
        lazy_gettext("You may not do this"),
        lazy_gettext("Your role does not allow this action."),
        lazy_gettext("Ask an administrator of this site if you need it."),
    ),
    404: Explanation(
        lazy_gettext("There is nothing here"),
        lazy_gettext("The record or page does not exist, or not any more."),
        lazy_gettext("Check the address, or look for the record in its list."),
    ),
    405: Explanation(
        lazy_gettext("This page does not work that way"),
        lazy_gettext("The address exists, but not for this kind of request."),
        lazy_gettext("Open the page from a link or a button of this site."),
    ),
    401: Explanation(
        lazy_gettext("You are signed out"),
        lazy_gettext("Your session was ended or has expired. Nothing was saved."),
        lazy_gettext(
            "Sign in again, then send what you typed: it is below, to be checked and sent."
        ),
        there="sign-in",
    ),
    409: Explanation(
        lazy_gettext("Somebody else was faster"),
        lazy_gettext("What you wanted to change was changed meanwhile."),
        lazy_gettext("Load the record again and compare."),
    ),
    413: Explanation(
        lazy_gettext("This is too large"),
        lazy_gettext("What was sent is larger than this site takes. Nothing was saved."),
        lazy_gettext("Go back, send less at once, and try again."),
    ),
    429: Explanation(
        lazy_gettext("Too many tries"),
        lazy_gettext("This was tried too often in a short time, perhaps by somebody else."),
        lazy_gettext("Wait a little, then try again."),
    ),
    415: Explanation(
        lazy_gettext("This is not a form"),
        lazy_gettext("What was sent is not in the format of a web form. Nothing was saved."),
        lazy_gettext("Send it as application/x-www-form-urlencoded or multipart/form-data."),
    ),
    500: Explanation(
        lazy_gettext("Something went wrong on our side"),
        lazy_gettext("The site met an error that it did not expect."),
        lazy_gettext("Try again. If it happens again, tell an administrator the number below."),
    ),
    503: Explanation(
        lazy_gettext("The database does not answer"),
        lazy_gettext("The site works, but its database cannot be reached right now."),
        lazy_gettext("Wait a moment and try again. Nothing that was saved is lost."),
    ),
}
EXPIRED = Explanation(
    lazy_gettext("This form has expired"),
    lazy_gettext("It was opened in another session, so nothing was saved."),
    lazy_gettext("What you typed is below: check it and send it again."),
)
NOT_CONFIRMED = Explanation(
    lazy_gettext("Please confirm that it is you"),
    lazy_gettext("This needs your password or passkey again: you last gave it some time ago."),
    lazy_gettext("Confirm it, then send what you typed: it is below."),
    there="account/verify",
)
NOT_READY = Explanation(
    lazy_gettext("The database is not ready"),
    lazy_gettext("Its tables are missing, or belong to another version of webadmin."),
    lazy_gettext("Run this command where the site runs, then load this page again:"),
    needs_init=True,
)
DISK_FULL = Explanation(
    lazy_gettext("The disk is full"),
    lazy_gettext("There is no room left where the site keeps its data. Nothing was saved."),
    lazy_gettext("Tell an administrator. What you typed can be sent again afterwards."),
)
BUSY = Explanation(
    lazy_gettext("The site is busy"),
    lazy_gettext("All of its connections to the database are in use."),
    lazy_gettext("Wait a moment and try again. Nothing that was saved is lost."),
)
