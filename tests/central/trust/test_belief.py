"""Whom central believes, over real sockets: sites of its own fleet, whatever their clocks say."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from central.trust.conftest import FAR_AHEAD, LONG_AGO, PEM, bundle, csr, ec_key, pkcs8
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from layover_central.trust.authority import Authority


@asynccontextmanager
async def serving(
    folder: Path, chain: bytes, key: ec.EllipticCurvePrivateKey
) -> AsyncIterator[int]:
    """A TLS server that shows a certificate, says "yes" and hangs up; its port."""
    folder.mkdir(exist_ok=True)
    pem, secret = folder / "chain.pem", folder / "key.pem"
    pem.write_bytes(chain)
    secret.write_bytes(pkcs8(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)

    async def yes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"yes")
        writer.close()

    server = await asyncio.start_server(yes, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer(authority: Authority, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=authority.client_context, server_hostname=""
    )
    try:
        return await reader.read()
    finally:
        writer.transport.abort()


def signed(
    authority_folder: Path,
    key: ec.EllipticCurvePrivateKey,
    usage: x509.ObjectIdentifier,
    dates: tuple[dt.datetime, dt.datetime],
) -> bytes:
    """A certificate by the fleet's own key with a role and dates of our choice."""
    ca = x509.load_pem_x509_certificate((authority_folder / "fleet-ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key(
        (authority_folder / "fleet-ca.key").read_bytes(), None
    )
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    return (
        x509.CertificateBuilder(ca.subject, name, key.public_key(), 7, *dates)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(ca_key, hashes.SHA256())
        .public_bytes(PEM)
    )


async def test_central_believes_a_site_of_its_fleet(authority: Authority, tmp_path: Path) -> None:
    key = ec_key()
    async with serving(tmp_path, authority.certify_site(csr(key))[1], key) as port:
        assert await answer(authority, port) == b"yes"


@pytest.mark.parametrize("dates", [LONG_AGO, FAR_AHEAD], ids=["long ago", "far ahead"])
async def test_dates_carry_no_meaning(
    authority: Authority, tmp_path: Path, dates: tuple[dt.datetime, dt.datetime]
) -> None:
    key = ec_key()
    chain = signed(tmp_path / "trust", key, ExtendedKeyUsageOID.SERVER_AUTH, dates)
    async with serving(tmp_path, chain, key) as port:
        assert await answer(authority, port) == b"yes"


async def test_central_believes_no_other_fleet(authority: Authority, tmp_path: Path) -> None:
    foreign, key = Authority(tmp_path / "foreign"), ec_key()
    async with serving(tmp_path, foreign.certify_site(csr(key))[1], key) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(authority, port)


async def test_central_believes_nobody_who_signs_himself(
    authority: Authority, tmp_path: Path
) -> None:
    key = ec_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Layover fleet")])
    chain = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, *FAR_AHEAD)
        .sign(key, hashes.SHA256())
        .public_bytes(PEM)
    )
    async with serving(tmp_path, chain, key) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(authority, port)


async def test_a_client_of_the_fleet_cannot_pose_as_a_site(
    authority: Authority, tmp_path: Path
) -> None:
    key = ec_key()
    chain = signed(tmp_path / "trust", key, ExtendedKeyUsageOID.CLIENT_AUTH, FAR_AHEAD)
    async with serving(tmp_path, chain, key) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(authority, port)


async def test_a_site_cannot_sign_another(authority: Authority, tmp_path: Path) -> None:
    """A stolen box's key, used as if it were an authority below the fleet's."""
    thief, key = ec_key(), ec_key()
    stolen, ca = bundle(authority, csr(thief))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forged")])
    forged = (
        x509.CertificateBuilder(stolen.subject, name, key.public_key(), 7, *FAR_AHEAD)
        .sign(thief, hashes.SHA256())
        .public_bytes(PEM)
    )
    chain = forged + stolen.public_bytes(PEM) + ca.public_bytes(PEM)
    async with serving(tmp_path, chain, key) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(authority, port)


async def test_central_speaks_nothing_older_than_tls_1_3(authority: Authority) -> None:
    context = authority.client_context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
