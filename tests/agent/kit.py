"""What the agent's tests build on: a fleet CA, a clock worked by hand, a box with real files."""

import asyncio
import datetime as dt
import ipaddress
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from layover_agent.wire.identity import host_name

NOW_MS = 1_795_258_800_000
"""2026-11-21 11:00:00 UTC."""

CENTRAL_URI = "urn:layover:central?epoch={}"
_ALWAYS = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.UTC))


async def until(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
    """Waits for a condition, or fails saying what did not happen."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        await asyncio.sleep(0.01)


async def eventually(
    condition: Callable[[], Awaitable[object]], what: str, timeout_s: float = 10.0
) -> None:
    """The same for a condition that has to be asked for."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        await asyncio.sleep(0.02)


@dataclass
class HandClock:
    """Stands still until it is moved."""

    wall: int = NOW_MS
    mono: int = 1_000_000
    boot_id: str = "11111111-2222-3333-4444-555555555555"
    in_sync: bool | None = True

    def wall_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono

    def synced(self) -> bool | None:
        return self.in_sync

    def pass_s(self, seconds: float) -> None:
        self.wall += int(seconds * 1000)
        self.mono += int(seconds * 1000)


_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_SIGNS = x509.KeyUsage(**{use: use in ("key_cert_sign", "crl_sign") for use in _USES})


def _key_id(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


@dataclass
class FleetCa:
    """A certificate authority as central has one, and whatever an attacker might hold."""

    name: str = "Layover fleet"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.certificate = (
            self._builder(self.name, self.key.public_key(), _ALWAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_id(self.key.public_key()), critical=False)
            .add_extension(_SIGNS, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def bundle(self, request_pem: bytes, identity: str) -> bytes:
        """What central gives for a site's certificate request."""
        key = x509.load_pem_x509_csr(request_pem).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        names = [
            x509.DNSName(host_name(identity)),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        made = self.issue(key, names, ExtendedKeyUsageOID.SERVER_AUTH)
        return made.public_bytes(Encoding.PEM) + self.pem

    def issue(
        self,
        key: ec.EllipticCurvePublicKey,
        names: list[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        dates: tuple[dt.datetime, dt.datetime] = _ALWAYS,
    ) -> x509.Certificate:
        builder = (
            self._builder("somebody", key, dates)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    _key_id(self.key.public_key())
                ),
                critical=False,
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def client_files(
        self,
        folder: Path,
        name: str = "central",
        uri: str | None = CENTRAL_URI.format(1),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        dates: tuple[dt.datetime, dt.datetime] = _ALWAYS,
    ) -> "ClientFiles":
        """A client's key and certificate as files, and this CA beside them."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)] if uri else []
        certificate = self.issue(key.public_key(), names, usage, dates)
        files = ClientFiles(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files.ca.write_bytes(self.pem)
        return files

    def _builder(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        dates: tuple[dt.datetime, dt.datetime],
    ) -> x509.CertificateBuilder:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(dates[0])
            .not_valid_after(dates[1])
        )


@dataclass(frozen=True)
class ClientFiles:
    certificate: Path
    key: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        """TLS as central speaks it."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = False
        context.load_cert_chain(self.certificate, self.key)
        return context


def write_at(path: Path, data: bytes, written_ms: int) -> Path:
    """A file whose last write was at a given time of the wall clock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    touch_at(path, written_ms)
    return path


def touch_at(path: Path, written_ms: int) -> None:
    os.utime(path, ns=(written_ms * 1_000_000, written_ms * 1_000_000))
