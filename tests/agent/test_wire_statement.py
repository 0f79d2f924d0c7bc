import dataclasses
import hashlib

import pytest
from agent.kit import FleetCa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from layover_agent.wire.codec import MalformedMessage
from layover_agent.wire.identity import (
    IDENTITY,
    announced_id,
    host_name,
    identity_of_certificate,
    identity_of_public_key,
    spoken,
)
from layover_agent.wire.statement import ForgedStatement, sign, verified
from layover_agent.wire.types import Digests, SignedStatement

KEY = ec.generate_private_key(ec.SECP256R1())
ID = identity_of_public_key(
    KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)
CERTIFICATE = (
    FleetCa()
    .issue(KEY.public_key(), [], ExtendedKeyUsageOID.SERVER_AUTH)
    .public_bytes(Encoding.DER)
)
DIGESTS = Digests(
    recording_id="0" * 32,
    identity=ID,
    size_bytes=3,
    sha256=hashlib.sha256(b"abc").digest(),
    chunk_bytes=2,
    chunks=[hashlib.sha256(b"ab").digest(), hashlib.sha256(b"c").digest()],
    hashed_ms=1,
    boot_id="b",
)


def test_what_is_signed_is_what_is_verified() -> None:
    assert verified(sign(DIGESTS, KEY), CERTIFICATE, ID) == DIGESTS


def test_an_empty_file_has_no_chunks() -> None:
    empty = dataclasses.replace(DIGESTS, size_bytes=0, chunks=[])
    assert verified(sign(empty, KEY), CERTIFICATE, ID) == empty


@pytest.mark.parametrize(
    ("case", "digests"),
    [
        ("another site's", dataclasses.replace(DIGESTS, identity="f" * 64)),
        ("a chunk too few", dataclasses.replace(DIGESTS, chunks=DIGESTS.chunks[:1])),
        ("a chunk too many", dataclasses.replace(DIGESTS, chunks=DIGESTS.chunks * 2)),
        ("a short digest", dataclasses.replace(DIGESTS, sha256=b"")),
        ("a short chunk", dataclasses.replace(DIGESTS, chunks=[b"", b""])),
        ("chunks of nothing", dataclasses.replace(DIGESTS, chunk_bytes=0)),
        ("a negative size", dataclasses.replace(DIGESTS, size_bytes=-1)),
    ],
)
def test_signed_but_not_believed(case: str, digests: Digests) -> None:
    with pytest.raises(ForgedStatement):
        verified(sign(digests, KEY), CERTIFICATE, ID)


def test_somebody_elses_signature_is_a_forgery() -> None:
    with pytest.raises(ForgedStatement):
        verified(sign(DIGESTS, ec.generate_private_key(ec.SECP256R1())), CERTIFICATE, ID)


def test_a_changed_byte_is_a_forgery() -> None:
    good = sign(DIGESTS, KEY)
    bad = bytes([good.payload[0] ^ 1]) + good.payload[1:]
    with pytest.raises(ForgedStatement):
        verified(dataclasses.replace(good, payload=bad), CERTIFICATE, ID)


def test_a_signed_payload_of_another_kind_is_malformed() -> None:
    signature = KEY.sign(b"\x80", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(MalformedMessage):
        verified(SignedStatement(payload=b"\x80", signature=signature), CERTIFICATE, ID)


def test_the_names_of_a_key() -> None:
    assert identity_of_certificate(CERTIFICATE) == ID
    assert IDENTITY.fullmatch(ID)
    assert spoken(ID).replace("-", "").lower() == ID[:32]
    assert host_name(ID).startswith(ID[:32])
    assert len(announced_id(ID)) == 16
    assert announced_id(ID) not in ID
