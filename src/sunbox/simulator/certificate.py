"""A certificate that a simulated device makes for itself, as Powerwall gateways do: nobody vouches for it."""

from __future__ import annotations

import ipaddress
import random
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sunbox.dialects.tesla.keys import SPKI_HEAD, N, der, der_int, pem, pems_of, public_of, sign

FROM_AT, UNTIL_AT = datetime(2020, 1, 1, tzinfo=UTC), datetime(2119, 1, 1, tzinfo=UTC)

SEQUENCE, SET, OID, UTF8, UTC_TIME, TIME, BITS, OCTETS = 0x30, 0x31, 0x06, 0x0C, 0x17, 0x18, 0x03, 0x04
ECDSA_SHA256 = bytes.fromhex("2a8648ce3d040302")
COMMON_NAME = bytes.fromhex("550403")
ALTERNATIVE_NAMES = bytes.fromhex("551d11")


def self_signed(name: str, hosts: tuple[str, ...], seed: int) -> tuple[str, str]:
    """Return key and certificate as PEM; the same seed gives the same."""
    rng = random.Random(f"{seed}/certificate/{name}")
    private, nonce = rng.randrange(1, N), rng.randrange(1, N)
    algorithm = der(SEQUENCE, der(OID, ECDSA_SHA256))
    subject = der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME), der(UTF8, name.encode()))))
    names = der(OCTETS, der(SEQUENCE, *map(_host, hosts)))
    extension = der(SEQUENCE, der(OID, ALTERNATIVE_NAMES), names)
    content = der(
        SEQUENCE,
        der(0xA0, der_int(2)),
        der_int(rng.getrandbits(63) + 1),
        algorithm,
        subject,
        der(SEQUENCE, _time(FROM_AT), _time(UNTIL_AT)),
        subject,
        SPKI_HEAD + public_of(private),
        der(0xA3, der(SEQUENCE, extension)),
    )
    whole = der(SEQUENCE, content, algorithm, der(BITS, b"\0", sign(private, content, nonce)))
    return pems_of(private)[0], pem("CERTIFICATE", whole)


def server_context(name: str, hosts: tuple[str, ...], seed: int) -> ssl.SSLContext:
    """Return a TLS context for serving with such a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, certificate = self_signed(name, hosts, seed)
    with tempfile.TemporaryDirectory() as folder:  # Python reads both from files alone
        path = Path(folder) / "both.pem"
        path.touch(mode=0o600)
        path.write_text(key + certificate, encoding="ascii")
        context.load_cert_chain(path)
    return context


def _host(host: str) -> bytes:
    try:
        return der(0x87, ipaddress.ip_address(host).packed)
    except ValueError:
        return der(0x82, host.encode("ascii"))


def _time(at: datetime) -> bytes:
    """Return an instant: RFC 5280 wants two digits for years before 2050, and four after."""
    if at.year < 2050:
        return der(UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return der(TIME, at.strftime("%Y%m%d%H%M%SZ").encode("ascii"))
