"""TLS with a device that made its own certificate: nobody vouches for it, so the first one that it shows is the one it must keep.

A context of this kind checks the fingerprint in the handshake, before anything is sent, and nothing else: such certificates
have no issuer that is known, often the name of another host, and dates that nobody looks after.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path

Judge = Callable[[str], str | None]
"""Takes the fingerprint that a device shows; returns why it is refused, None where it is the right one."""


class _JudgedObject(ssl.SSLObject):
    """A connection whose certificate is judged as soon as it is known."""

    def do_handshake(self) -> None:
        """Shake hands, and look whose hand it was.

        Raises:
            ssl.SSLCertVerificationError: the certificate is another one.
        """
        super().do_handshake()
        context = self.context
        assert isinstance(context, PinnedContext)  # noqa: S101 - this class is used by that one alone
        shown = self.getpeercert(binary_form=True) or b""
        if (why := context.judge(fingerprint(shown))) is not None:
            raise ssl.SSLCertVerificationError(1, why)  # with a number: else its text is a tuple


class PinnedContext(ssl.SSLContext):
    """A client's TLS context that trusts one certificate, whoever made it."""

    sslobject_class = _JudgedObject
    judge: Judge

    @classmethod
    def make(cls, judge: Judge) -> PinnedContext:
        """Return a context that asks `judge`."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the fingerprint says more than any of it
        context.judge = judge
        return context


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate (DER), as people compare it."""
    return hashlib.sha256(certificate).digest().hex(":").upper()


def judge_by_file(path: Path, keep: Callable[[Path, str], None]) -> Judge:
    """Return what takes the first fingerprint, keeps it in a file with `keep`, and from then on takes that one alone."""

    def judge(shown: str) -> str | None:
        try:
            known = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            known = None
        except (OSError, UnicodeDecodeError) as error:
            return f"{path}, which has the fingerprint of its certificate, cannot be read ({error})"
        if known is None:
            try:
                keep(path, f"{shown}\n")
            except OSError as error:
                return f"{path} cannot be written ({error.strerror or error}); its folder must be writable"
            return None
        if shown == known:
            return None
        return (
            f"it shows another certificate than before ({shown[:23]}…, it was {known[:23]}…): somebody may stand between; if "
            f"the device was replaced or reset, delete {path} and the new one is taken"
        )

    return judge
