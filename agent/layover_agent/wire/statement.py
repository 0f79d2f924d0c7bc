"""Digest statements: a site's signed word for what the bytes of a recording are."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import Digests, SignedStatement


class ForgedStatement(ValueError):
    """A statement that its supposed author did not sign, or that contradicts itself."""


def sign(digests: Digests, key: ec.EllipticCurvePrivateKey) -> SignedStatement:
    payload = encode(digests)
    return SignedStatement(payload=payload, signature=key.sign(payload, ec.ECDSA(hashes.SHA256())))


def verified(statement: SignedStatement, certificate_der: bytes, identity: str) -> Digests:
    """The digests inside, once the signature, the author and the arithmetic hold.

    ForgedStatement where they do not; MalformedMessage where the payload is no Digests.
    """
    public_key = x509.load_der_x509_certificate(certificate_der).public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise ForgedStatement("the site's key is not an elliptic curve key")
    try:
        public_key.verify(statement.signature, statement.payload, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ForgedStatement("the signature does not match the site's key") from error
    digests = decode(Digests, statement.payload)
    if digests.identity != identity:
        raise ForgedStatement("the statement speaks for another site")
    if digests.chunk_bytes <= 0 or digests.size_bytes < 0:
        raise ForgedStatement("the statement has an impossible size")
    if len(digests.chunks) != -(-digests.size_bytes // digests.chunk_bytes):
        raise ForgedStatement("the statement's chunks do not add up to its size")
    if len(digests.sha256) != 32 or any(len(chunk) != 32 for chunk in digests.chunks):
        raise ForgedStatement("a digest in the statement is not a SHA-256")
    return digests
