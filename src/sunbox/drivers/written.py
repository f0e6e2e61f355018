"""What models of what an owner writes about a device share."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict


class Written(BaseModel):
    """Unknown keys and values of another type are mistakes; what was written may be secret, and stands in no error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


def bare_address(url: str, *, example: str, why: str, paths: tuple[str, ...]) -> str:
    """Return the address of a device without its last slash.

    Args:
        url: as written.
        example: what it may look like.
        why: the reason that it has no user.
        paths: requests that somebody may have written with it.

    Raises:
        ValueError: it is none; the text says what is allowed.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"allowed is an address such as {example}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"allowed is a bare address without user, ? and #; {why}")
    if parts.port == 0:
        raise ValueError("allowed are ports from 1 to 65535")
    if parts.path.rstrip("/").endswith(paths):
        raise ValueError(f"write the address alone, without {parts.path}")
    return url.rstrip("/")
