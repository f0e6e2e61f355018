"""Files that only their owner may read: written whole or not at all, and locked among all processes that use them.

The lock is a file beside the file, because the file itself is replaced. Who waits for it, waits in its own way: see `try_lock`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from pathlib import Path

LOCK_WAIT_S = 30.0
LOCK_LOOK_S = 0.1
"""How long a lock is waited for, and how often it is looked at."""


def lock_path(path: Path) -> Path:
    """Return the lock of a file."""
    return path.with_name(f"{path.name}.lock")


def open_lock(path: Path) -> int:
    """Return a descriptor of a file's lock, which is not held yet; closing it lets go.

    Raises:
        OSError: it cannot be made.
    """
    beside = lock_path(path)
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_to_owner_of(beside.parent, descriptor)
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Return whether the lock is held now; other threads of this process are others, too."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def close_to_others(path: Path) -> int | None:
    """Have only the owner read a file; return its mode as it was if that was not so. What is no file is left alone.

    Raises:
        OSError: it is missing, or belongs to somebody else.
    """
    found = path.stat().st_mode
    mode = stat.S_IMODE(found)
    if not stat.S_ISREG(found) or not mode & 0o077:
        return None
    path.chmod(0o600)
    return mode


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read: written beside it, made durable, then renamed; a link stays a link.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    target = path.resolve()
    written: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
        written = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            give_to_owner_of(target.parent, descriptor)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        written.replace(target)
    except OSError:
        if written is not None:
            with contextlib.suppress(OSError):
                written.unlink()
        raise
    _sync_directory(target.parent)


def give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Have a file of root's belong to the owner of its folder: after `sudo sunbox setup tesla` the service can still read it."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):  # not allowed everywhere; then it is root's
        found = folder.stat()
        os.fchown(descriptor, found.st_uid, found.st_gid)


def _sync_directory(directory: Path) -> None:
    """Make a rename durable. Some file systems cannot; then the rename itself has to do."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
