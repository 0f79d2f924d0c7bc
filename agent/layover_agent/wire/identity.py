"""A key's name. Identity = SHA-256 of the public key, so nobody can claim one without its key."""

import hashlib
import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IDENTITY = re.compile(r"[0-9a-f]{64}")


def identity_of_public_key(spki_der: bytes) -> str:
    """64 hex digits: SHA-256 over the DER SubjectPublicKeyInfo."""
    return hashlib.sha256(spki_der).hexdigest()


def identity_of_certificate(certificate_der: bytes) -> str:
    """The identity of the key inside a DER certificate. ValueError where it is not one."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return identity_of_public_key(spki)


def announced_id(identity: str) -> str:
    """What mDNS shows of an identity: opaque to a passer-by, recognised by who knows the site."""
    return hashlib.sha256(b"layover-announced\0" + identity.encode()).hexdigest()[:16]


def spoken(identity: str) -> str:
    """The first 32 digits in eight groups, to compare by eye or over the phone."""
    return "-".join(identity[i : i + 4].upper() for i in range(0, 32, 4))


def host_name(identity: str) -> str:
    """The DNS name in a site's certificate. It resolves nowhere; TLS clients may verify it."""
    return f"{identity[:32]}.site.layover.internal"
