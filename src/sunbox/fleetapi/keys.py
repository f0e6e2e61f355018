"""The key pair of an application at Tesla: the public half goes to its domain, the private half stays with its owner."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from sunbox.dialects.powerwall.table import PUBLIC_KEY_PATH
from sunbox.dialects.tesla.keys import N, pems_of
from sunbox.drivers.tesla.secret_file import write_private

PUBLIC_KEY, PRIVATE_KEY = "com.tesla.3p.public-key.pem", "com.tesla.3p.private-key.pem"


def create_key(folder: Path) -> int:
    """Write both halves and return the exit code; a key that is there is never replaced, and none is shown."""
    public, private = folder / PUBLIC_KEY, folder / PRIVATE_KEY
    there = [path.name for path in (public, private) if path.exists()]
    if there:
        print(f"{' and '.join(there)} exist already: move them away to make new ones", file=sys.stderr)
        return 1
    secret, shown = pems_of(secrets.randbelow(N - 1) + 1)
    try:
        write_private(private, secret)
        with os.fdopen(os.open(public, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(shown)
    except OSError as error:
        print(f"the keys cannot be written ({error.strerror}): choose another folder", file=sys.stderr)
        return 1
    print(f"{PRIVATE_KEY}: keep it to yourself; nobody else can read it")
    print(f"{PUBLIC_KEY}: put it on your domain at https://DOMAIN{PUBLIC_KEY_PATH}")
    return 0
