"""Keys, requests and an authority on a real folder."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from layover_agent.wire.identity import identity_of_public_key
from layover_central.trust.authority import Authority

PEM = serialization.Encoding.PEM
LONG_AGO = (dt.datetime(1971, 1, 1, tzinfo=dt.UTC), dt.datetime(1972, 1, 1, tzinfo=dt.UTC))
FAR_AHEAD = (dt.datetime(9000, 1, 1, tzinfo=dt.UTC), dt.datetime(9001, 1, 1, tzinfo=dt.UTC))


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pkcs8(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def identity_of(key: ec.EllipticCurvePrivateKey) -> str:
    return identity_of_public_key(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def csr(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *extensions: x509.ExtensionType
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Layover central")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "trust")


def bundle(authority: Authority, request: bytes) -> tuple[x509.Certificate, x509.Certificate]:
    site, ca = x509.load_pem_x509_certificates(authority.certify_site(request)[1])
    return site, ca
