"""Whether the box belongs to a fleet, read without making or touching anything."""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from layover_agent.wire.identity import identity_of_public_key

_MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    identity: str = ""
    """Of the box's key; empty: it has none yet, or it cannot be read."""
    enrolled: bool = False
    fleet: str = ""
    """First 16 hex digits of the SHA-256 of the fleet CA's certificate."""
    fault: str = ""
    """Why the certificate cannot be used; empty: it can, or there is none."""


def enrolment(folder: Path) -> Enrolment:
    """What the identity folder of a box says. Dates are not looked at: they carry no meaning."""
    try:
        identity = _identity(folder / "site.key")
        own, authority = folder / "site.pem", folder / "fleet-ca.pem"
        if not own.exists() or not authority.exists():
            return Enrolment(identity=identity)
        ca = ssl.PEM_cert_to_DER_cert(_read(authority).decode("ascii"))
        certificate = x509.load_pem_x509_certificate(_read(own))
        fleet = hashlib.sha256(ca).hexdigest()[:16]
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(ca))
        theirs = identity_of_public_key(_spki(certificate.public_key()))
    except OSError as error:
        return Enrolment(fault=f"{error.strerror}: {error.filename}")
    except Exception as error:
        # Whatever a hostile or torn file makes the parser say: it cannot be used.
        return Enrolment(fault=str(error) or type(error).__name__)
    fault = "it was made for another key" if identity and theirs != identity else ""
    return Enrolment(identity=identity or theirs, enrolled=True, fleet=fleet, fault=fault)


def _identity(path: Path) -> str:
    """Empty where there is no key yet."""
    if not path.exists():
        return ""
    key = serialization.load_pem_private_key(_read(path), None)
    return identity_of_public_key(_spki(key.public_key()))


def _spki(key: object) -> bytes:
    made: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES)
