"""What Flask-Security says to people, in the words of this site.

Its own catalogue of translations knows none of them: they are looked up in webadmin's.
"""


def noop(text: str) -> str:
    """Return a text as it is: marks it for the catalogue, where it is looked up when shown."""
    return text


SUBJECTS = {
    "EMAIL_SUBJECT_PASSWORD_RESET": noop("Choose a new password"),
    "EMAIL_SUBJECT_PASSWORD_NOTICE": noop("Your password was changed"),
    "EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": noop("Your password was changed"),
}

# What templates look up by their value.
LOOKED_UP = (
    *(noop("viewer"), noop("editor"), noop("admin")),
    *(noop("signed in"), noop("password right"), noop("confirmed"), noop("signed in by passkey")),
    *(noop("wrong password"), noop("wrong code"), noop("wrong passkey")),
    *(noop("too many tries"), noop("not finished")),
    noop("reset asked for"),
)

_ERRORS = {
    "API_ERROR": noop("That did not work. Please start again."),
    "GENERIC_AUTHN_FAILED": noop("The email or the password is wrong."),
    "DISABLED_ACCOUNT": noop("This account may not sign in."),
    "REAUTHENTICATION_REQUIRED": noop("Please confirm that it is you."),
    "INVALID_INPUT": noop("Use letters, digits, spaces, - and _."),
    "INVALID_INPUT_LENGTH": noop("Write at most %(length)s characters."),
    "INVALID_REDIRECT": noop("The address to go on to is not of this site."),
    "INVALID_RECOVERY_CODE": noop("This is no recovery code, or it was used already."),
    "INVALID_EMAIL_ADDRESS": noop("Write an email address such as ada@example.com."),
    "EMAIL_NOT_PROVIDED": noop("Write your email address."),
    "PASSWORD_NOT_PROVIDED": noop("Write the password."),
    "INVALID_PASSWORD": noop("The password is wrong."),
    "RETYPE_PASSWORD_MISMATCH": noop("The two passwords differ. Write the same one twice."),
    "PASSWORD_IS_THE_SAME": noop("This is the password you have. Choose another."),
    "PASSWORD_RESET_EXPIRED": noop("This link has expired. Ask for a new one."),
    "INVALID_RESET_PASSWORD_TOKEN": noop("This link is not good any more. Ask for a new one."),
    "TWO_FACTOR_INVALID_TOKEN": noop("This code is wrong, or was used already. Wait for the next."),
    "TWO_FACTOR_PERMISSION_DENIED": noop("Please sign in again from the beginning."),
    "TWO_FACTOR_METHOD_NOT_AVAILABLE": noop("Choose how to go on."),
    "TWO_FACTOR_SETUP_EXPIRED": noop("That took too long. Please start again."),
    "WEBAUTHN_EXPIRED": noop("That took too long. Please start again."),
    "WEBAUTHN_NAME_REQUIRED": noop("Give the passkey a name, such as Laptop."),
    "WEBAUTHN_NAME_INUSE": noop("You have a passkey named %(name)s. Choose another name."),
    "WEBAUTHN_NAME_NOT_FOUND": noop("You have no passkey named %(name)s."),
    "WEBAUTHN_NAME_DISALLOWED_CHARACTERS": noop("Use letters, digits, spaces, - and _."),
    "WEBAUTHN_CREDENTIAL_ID_INUSE": noop("This passkey is in use already."),
    "WEBAUTHN_UNKNOWN_CREDENTIAL_ID": noop("This passkey is not known here."),
    "WEBAUTHN_ORPHAN_CREDENTIAL_ID": noop("This passkey is not known here."),
    "WEBAUTHN_NO_VERIFY": noop("The passkey could not be checked. Please try again."),
    "WEBAUTHN_CREDENTIAL_WRONG_USAGE": noop("This passkey is not known here."),
    "WEBAUTHN_MISMATCH_USER_HANDLE": noop("This passkey belongs to another account."),
}
_NOTES = {
    "UNAUTHENTICATED": noop("Please sign in."),
    "NO_RECOVERY_CODES_SETUP": noop("There are no recovery codes yet."),
}
_SUCCESSES = {
    "PASSWORD_RESET_REQUEST": noop(
        "If there is an account with this email, a link is on its way to it."
    ),
    "PASSWORD_RESET_NO_LOGIN": noop("The new password is set. Sign in with it."),
    "PASSWORD_CHANGE": noop("The new password is set. All your other sessions were ended."),
    "REAUTHENTICATION_SUCCESSFUL": noop("Thank you. You can go on now."),
    "TWO_FACTOR_LOGIN_SUCCESSFUL": noop("You are signed in."),
    "TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL": noop("Two-factor sign-in is on."),
    "TWO_FACTOR_DISABLED": noop("Two-factor sign-in is off."),
    "WEBAUTHN_CREDENTIAL_DELETED": noop("The passkey %(name)s was removed."),
    "WEBAUTHN_REGISTER_SUCCESSFUL": noop("The passkey %(name)s was added."),
}
MESSAGES = {
    key: (text, category)
    for category, texts in (("error", _ERRORS), ("info", _NOTES), ("success", _SUCCESSES))
    for key, text in texts.items()
}
