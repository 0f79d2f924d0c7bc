"""The fleet's small certificate authority: it says which key is a site and which is central.

Dates carry no meaning here, since box clocks are wrong: agents check only the chain, the role
and central's epoch; central pins each site's key, and revocation is one row at central.
"""

import datetime as dt
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from layover_agent.wire.identity import host_name, identity_of_public_key
from layover_central.errors import Kind, LayoverError

_FIRST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
MAX_CSR_BYTES = 16 << 10


class Authority:
    """The fleet CA and central's own certificate, kept in one folder (mode 0700).

    Whoever copies that folder can pose as central: it belongs in the backup, and nowhere else.
    STORAGE where the folder is damaged: a new authority would be a stranger to every site.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._ca_key = self._key("fleet-ca")
        self._ca = self._certificate("fleet-ca", self._ca_key, self._make_ca)
        self._central_key = self._key("central")
        self._certificate("central", self._central_key, self._make_central)

    @property
    def ca_pem(self) -> bytes:
        return self._ca.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def client_context(self) -> ssl.SSLContext:
        """TLS as central speaks it to sites: 1.3, our certificate, the fleet CA and no other.

        Names and dates are not checked: the caller pins the key.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= _NO_CHECK_TIME
        context.load_verify_locations(cafile=str(self._folder / "fleet-ca.pem"))
        context.load_cert_chain(self._folder / "central.pem", self._folder / "central.key")
        return context

    def certify_site(self, request_pem: bytes) -> tuple[str, bytes]:
        """A site's identity and its bundle (certificate, then the fleet CA) for its CSR.

        Nothing of the CSR but its key is taken over. BAD_INPUT where it is none of ours.
        """
        try:
            if len(request_pem) > MAX_CSR_BYTES:
                raise ValueError(f"{len(request_pem)} bytes")
            request = x509.load_pem_x509_csr(request_pem)
            key = request.public_key()
            valid = request.is_signature_valid
        except (ValueError, TypeError, InvalidSignature) as error:
            raise LayoverError(
                Kind.BAD_INPUT,
                f"this is not a certificate request: {error}",
                "Make one on the box: layover-agent identity --config … --csr FILE",
            ) from error
        if not valid or not _is_p256(key):
            raise LayoverError(
                Kind.BAD_INPUT,
                "this certificate request is not signed by a P-256 key of its own",
                "Make one on the box: layover-agent identity --config … --csr FILE",
            )
        identity = identity_of_public_key(
            key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        names: list[x509.GeneralName] = [
            x509.DNSName(host_name(identity)),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
            x509.UniformResourceIdentifier(f"urn:layover:site:{identity}"),
        ]
        certificate = self._issue(
            key, f"site {identity[:16]}", ExtendedKeyUsageOID.SERVER_AUTH, names
        )
        return identity, certificate.public_bytes(serialization.Encoding.PEM) + self.ca_pem

    def _issue(
        self,
        key: ec.EllipticCurvePublicKey,
        name: str,
        usage: x509.ObjectIdentifier,
        names: list[x509.GeneralName],
    ) -> x509.Certificate:
        ca_key_id = x509.SubjectKeyIdentifier.from_public_key(self._ca_key.public_key())
        return (
            _builder(name, self._ca.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id),
                critical=False,
            )
            .sign(self._ca_key, hashes.SHA256())
        )

    def _make_ca(self) -> x509.Certificate:
        key = self._ca_key.public_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Layover fleet")])
        return (
            _builder("Layover fleet", name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=False,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )

    def _make_central(self) -> x509.Certificate:
        return self._issue(
            self._central_key.public_key(),
            "Layover central",
            ExtendedKeyUsageOID.CLIENT_AUTH,
            [x509.UniformResourceIdentifier("urn:layover:central?epoch=1")],
        )

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        path = self._folder / f"{name}.key"
        if path.exists():
            with _kept(path):
                key = serialization.load_pem_private_key(path.read_bytes(), None)
                if not isinstance(key, ec.EllipticCurvePrivateKey):
                    raise TypeError("not a P-256 key")
            return key
        if path.with_suffix(".pem").exists():
            with _kept(path):
                raise ValueError("it is missing")
        made = ec.generate_private_key(ec.SECP256R1())
        _write_secret(
            path,
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return made

    def _certificate(
        self, name: str, key: ec.EllipticCurvePrivateKey, make: Callable[[], x509.Certificate]
    ) -> x509.Certificate:
        path = self._folder / f"{name}.pem"
        if path.exists():
            with _kept(path):
                found = x509.load_pem_x509_certificate(path.read_bytes())
                if found.public_key() != key.public_key():
                    raise ValueError("it is of another key than the one beside it")
            return found
        made = make()
        _write_secret(path, made.public_bytes(serialization.Encoding.PEM))
        return made


def _is_p256(key: object) -> TypeGuard[ec.EllipticCurvePublicKey]:
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """A kept file that cannot be used, as ours."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise LayoverError(
            Kind.STORAGE,
            f"{path} cannot be used: {error}",
            "Restore the trust folder as a whole from the backup.",
        ) from error


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FIRST)
        .not_valid_after(_LAST)
    )


def _write_secret(path: Path, data: bytes) -> None:
    """Whole or not at all, on the disk before anybody relies on it, readable by us alone."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
