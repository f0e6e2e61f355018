"""The key pair of an application at Tesla: the public half goes to its domain, the private half stays with its owner.

The curve is P-256 (FIPS 186-4, D.1.2.3). A key is made once, here, and never used here, so that plain arithmetic does.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

from sunbox.dialects.powerwall.table import PUBLIC_KEY_PATH
from sunbox.drivers.tesla.secret_file import write_private

PUBLIC_KEY, PRIVATE_KEY = "com.tesla.3p.public-key.pem", "com.tesla.3p.private-key.pem"

Point = tuple[int, int] | None
"""A point of the curve; None is the one at infinity."""

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G: Point = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""Field, order and base point; the coefficient a is -3."""

SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
SEC1_HEAD = bytes.fromhex("30770201010420")
SEC1_MIDDLE = bytes.fromhex("a00a06082a8648ce3d030107a144034200")
"""All of DER around the numbers (RFC 5480, RFC 5915): their lengths never change."""


def _sum(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) if one == other else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def public_of(private: int) -> bytes:
    """Return the public half of a private number, uncompressed."""
    found, step = None, G
    while private:
        if private & 1:
            found = _sum(found, step)
        step = _sum(step, step)
        private >>= 1
    assert found is not None  # noqa: S101 - of 1 to N - 1
    return b"\x04" + b"".join(each.to_bytes(32, "big") for each in found)


def pems_of(private: int) -> tuple[str, str]:
    """Return the private and the public file of a private number."""
    public = public_of(private)
    secret = SEC1_HEAD + private.to_bytes(32, "big") + SEC1_MIDDLE + public
    return _pem("EC PRIVATE KEY", secret), _pem("PUBLIC KEY", SPKI_HEAD + public)


def _pem(label: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


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
