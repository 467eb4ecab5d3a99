"""Content credentials (C2PA): who made the file, from which frames, by which steps, signed with the user's own key.

The key never leaves this machine; without the address of a time stamping authority nothing is asked of any network.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lichtbild.core.errors import OutputError, UsageError
from lichtbild.output.atomic import write_whole
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.xmp import Provenance

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
# A picture of several exposures, computed; of one exposure it is a capture like any other.
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# What the standard calls the kind of step; what has no name of its own is an edit.
_ACTIONS = {
    "white_balance": "c2pa.color_adjustments", "highlights": "c2pa.color_adjustments", "tone": "c2pa.color_adjustments",
    "look": "c2pa.color_adjustments",
}  # fmt: skip
_MOST_KEY_BYTES = 1 << 20


@dataclass(frozen=True)
class Credentials:
    """With what files are signed.

    Parameters
    ----------
    certificate
        PEM file with the certificate of the signer, then those that vouch for it, the root last or left out.
    key
        PEM file with its private key (PKCS 8, not encrypted).
    algorithm
        One of `ALGORITHMS`; es256 for an elliptic curve key on P-256.
    timestamp_url
        A time stamping authority (RFC 3161) that is asked over the network; None: none is.
    """

    certificate: Path
    key: Path
    algorithm: str = "es256"
    timestamp_url: str | None = None

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise UsageError(f"{self.algorithm!r} is no algorithm to sign with", hint=", ".join(ALGORITHMS))


def signed(
    path: str | Path,
    pieces: Iterable[bytes | memoryview],
    mime: str,
    credentials: Credentials | None,
    provenance: Provenance,
    *,
    force: bool,
) -> None:
    """Write the pieces of a file whole; with `credentials`, signed.

    Raises
    ------
    UsageError
        If the package c2pa-python is missing, or certificate or key cannot be read or do not belong together.
    OutputError
        If the format cannot carry credentials, or as `atomic.write_whole`.
    """
    if credentials is not None:
        pieces = [_signed(b"".join(pieces), mime, credentials, provenance, Path(path))]
    write_whole(path, pieces, force=force)


def check(credentials: Credentials) -> None:
    """Raise what `signed` would, before the work rather than after it."""
    _signer(credentials)


def manifest(title: str, mime: str, provenance: Provenance) -> dict[str, Any]:
    """What is claimed: the frames, the engine, and one action for every step."""
    n_frames = provenance.get("FrameCount", 1)
    is_computed = isinstance(n_frames, int) and n_frames > 1
    source = _SOURCE + ("computationalCapture" if is_computed else "digitalCapture")
    steps = provenance.get("Stages", ())
    actions = [{"action": "c2pa.created", "digitalSourceType": source, "softwareAgent": {"name": SOFTWARE}}]
    actions += [
        {"action": _ACTIONS.get(step, "c2pa.edited"), "description": step, "parameters": {"name": step}}
        for step in (steps if isinstance(steps, list | tuple) else ())
    ]
    said = {key: value for key, value in provenance.items() if key != "Recipe"}
    return {
        "claim_generator_info": [{"name": "lichtbild", "version": SOFTWARE.rpartition(" ")[2]}],
        "title": title,
        "format": mime,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "org.lichtbild.provenance", "data": said},
        ],
    }


def _signed(data: bytes, mime: str, credentials: Credentials, provenance: Provenance, path: Path) -> bytes:
    signer = _signer(credentials)
    import c2pa

    target = io.BytesIO()
    try:
        # A picture of the picture would be 200 kB more, and says nothing that the picture does not.
        context = c2pa.Context(c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}))
        builder = c2pa.Builder(json.dumps(manifest(path.name, mime, provenance)), context)
        builder.sign(signer, mime, io.BytesIO(data), target)
    except c2pa.C2paError as error:
        raise OutputError(f"it cannot be signed: {error}", where=path, hint="another format, or no --sign") from error
    return target.getvalue()


def _signer(credentials: Credentials) -> Any:
    try:
        import c2pa
    except ImportError:
        raise UsageError(
            "the package that signs is not installed", where="--sign", hint="pip install 'lichtbild[c2pa]'"
        ) from None
    chain, key = _read(credentials.certificate), _read(credentials.key)
    url = credentials.timestamp_url
    try:
        info = c2pa.C2paSignerInfo(credentials.algorithm, chain, key, url)
        return c2pa.Signer.from_info(info)
    except (c2pa.C2paError, ValueError) as error:
        raise UsageError(
            f"certificate and key do not sign {credentials.algorithm}: {error}",
            where=credentials.certificate,
            hint="PEM files; the certificate must allow digital signatures and name an extended use",
        ) from error


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_KEY_BYTES)
    except OSError as error:
        raise UsageError(str(error.strerror), where=path, hint="a PEM file") from error
    if b"-----BEGIN " not in data or not data.isascii():
        raise UsageError("this is no PEM file", where=path, hint="a PEM file")
    return data
