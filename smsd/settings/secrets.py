"""Where passwords come from: a file, the environment, a systemd credential, or the text of the file itself."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from smsd.settings.model import Secret

# Where systemd keeps what it hands over to the service: a command typed by root finds it there.
OF_THE_SERVICE = "/run/credentials/smsd.service"
MAX_BYTES = 4096  # a password has a line; more is some other file


class Found(NamedTuple):
    secret: Secret
    warning: str | None = None


class Unavailable(Exception):
    """The secret can't be had; the text says why and never what."""


def fetch(source: str, name: str, folder: str) -> Found:
    """Fetch a secret: `source` is file (relative to `folder`), env or credential. Raises Unavailable."""
    if source == "env":
        if name not in os.environ:
            raise Unavailable(f"the environment variable {name} is not set")
        found = Found(Secret(os.environ[name]))
    elif source == "credential":
        found = _credential(name)
    else:
        found = _file(os.path.join(folder, name))
    text = found.secret.reveal().removesuffix("\n")
    if not text:
        raise Unavailable(f"the secret in {source} {name} is empty")
    return found._replace(secret=Secret(text))


def _credential(name: str) -> Found:
    directory = os.environ.get("CREDENTIALS_DIRECTORY") or OF_THE_SERVICE
    if directory == OF_THE_SERVICE and not os.path.isdir(directory):
        raise Unavailable(
            "no credentials directory: CREDENTIALS_DIRECTORY is not set (systemd's LoadCredential= sets it)"
        )
    if "/" in name or name in ("", ".", ".."):
        raise Unavailable(f"{name!r} is not the name of a credential")
    return _file(os.path.join(directory, name))


def _not_waiting(path: str, flags: int) -> int:
    """Open a named pipe at once, so that it can be refused."""
    return os.open(path, flags | os.O_NONBLOCK)


def _file(path: str) -> Found:
    try:
        with open(path, "rb", opener=_not_waiting) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES + 1) if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise Unavailable(f"can't read {path}: {error.strerror}") from None
    except ValueError:
        raise Unavailable(f"can't read {path!r}: no such name is possible") from None
    if not stat.S_ISREG(mode):
        raise Unavailable(f"can't read {path}: not a regular file")
    if len(content) > MAX_BYTES:
        raise Unavailable(f"{path} is no secret: longer than {MAX_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Unavailable(f"{path} is not UTF-8 text") from None
    return Found(Secret(text), f"{path} can be read by every user; chmod o-r it" if mode & stat.S_IROTH else None)
