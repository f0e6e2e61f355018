"""EC keys on P-256 as Tesla wants them from applications: made, written as PEM, and used for a signature.

The curve is of FIPS 186-4, D.1.2.3. Plain arithmetic, not made against those who can measure how long it takes: it makes a key pair
once, on its owner's machine, and signs the certificate of a simulated gateway. Chance comes from whoever calls.
"""

from __future__ import annotations

import base64
import hashlib

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
    return pem("EC PRIVATE KEY", secret), pem("PUBLIC KEY", SPKI_HEAD + public)


def pem(label: str, content: bytes) -> str:
    """Return a DER value as PEM."""
    text = base64.b64encode(content).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def der(tag: int, *parts: bytes) -> bytes:
    """Return parts as one DER value."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def der_int(value: int) -> bytes:
    """Return a number ≥ 0 as a DER value."""
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def sign(private: int, content: bytes, nonce: int) -> bytes:
    """Return the ECDSA signature with SHA-256, as DER. The nonce is of 1 to N - 1, and never used twice.

    Raises:
        ValueError: this nonce will not do; take another.
    """
    digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
    r = int.from_bytes(public_of(nonce)[1:33], "big") % N
    s = pow(nonce, -1, N) * (digest + r * private) % N
    if r == 0 or s == 0:
        raise ValueError("the nonce gives no signature")
    return der(0x30, der_int(r), der_int(s))
