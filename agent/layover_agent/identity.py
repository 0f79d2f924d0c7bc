"""Who this box is: a key that never leaves it, and the fleet's word for that key."""

import logging
import os
import ssl
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from layover_agent.errors import NotEnrolled
from layover_agent.wire.identity import identity_of_public_key

log = logging.getLogger(__name__)

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME: the clock of a box may be years off, and must not lock us out."""


class BadBundle(ValueError):
    """A certificate bundle that is not for this box, and why."""


class Identity:
    """The key, certificate and fleet CA of this box, in one folder (mode 0700)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._certificate = folder / "site.pem"
        self._ca = folder / "fleet-ca.pem"
        self._epoch_seen = folder / "central-epoch"
        self._highest = 0
        self.key = self._load_or_make_key(folder / "site.key")
        spki = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.id = identity_of_public_key(spki)

    @property
    def enrolled(self) -> bool:
        return self._certificate.exists() and self._ca.exists()

    def certificate_request(self) -> bytes:
        """A PEM certificate request for the key; it holds nothing secret."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.id[:32])])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return request.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def install(self, bundle: bytes, *, replace: bool = False) -> None:
        """Takes the fleet's certificate for this box, followed by the fleet CA's own.

        BadBundle where it is for another key, not signed by that CA, or of another fleet than
        the one that this box belongs to (unless ``replace``).
        """
        try:
            certificate, authority = x509.load_pem_x509_certificates(bundle)
        except ValueError as error:
            raise BadBundle("this is not a bundle: one certificate and the fleet CA's") from error
        if certificate.public_key() != self.key.public_key():
            raise BadBundle("this certificate is for another box: it was made from another key")
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise BadBundle("this certificate is not signed by the CA beside it") from error
        pem = authority.public_bytes(serialization.Encoding.PEM)
        moved = self._ca.exists() and self._ca.read_bytes() != pem
        if moved and not replace:
            raise BadBundle("this box belongs to another fleet; --replace moves it to this one")
        if moved:
            # The new fleet counts its centrals from the start: the old count would lock it out.
            self._epoch_seen.unlink(missing_ok=True)
            self._highest = 0
        _write_whole(self._ca, pem)
        _write_whole(self._certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.3, our certificate, and only peers that the fleet CA made clients.

        NotEnrolled where there is no certificate yet.
        """
        if not self.enrolled:
            raise NotEnrolled
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= _NO_CHECK_TIME
        context.load_verify_locations(cafile=str(self._ca))
        context.load_cert_chain(self._certificate, self._folder / "site.key")
        context.set_alpn_protocols(["http/1.1"])
        context.num_tickets = 0
        return context

    def accepts(self, peer_der: bytes | None) -> bool:
        """Whether a peer that TLS let in is central, and no older one than was seen before.

        Central's certificate says ``urn:layover:central?epoch=N``. The highest epoch seen is
        kept; a lower one is a key that was replaced, perhaps because it was stolen. Where the
        disk takes no writes it is kept for as long as the agent runs.
        """
        epoch = _epoch(peer_der)
        if epoch is None:
            return False
        written = self._written_epoch()
        self._highest = max(self._highest, written)
        if epoch > written and epoch >= self._highest:
            try:
                _write_whole(self._epoch_seen, str(epoch).encode())
            except OSError as error:
                log.warning("central's epoch %d could not be written down: %s", epoch, error)
            self._highest = epoch
        return epoch >= self._highest

    def _written_epoch(self) -> int:
        """The highest epoch written down; 0: none, or none that can be read."""
        try:
            return int(self._epoch_seen.read_bytes())
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            log.error("central's epoch in %s cannot be read: %s", self._epoch_seen, error)
            return 0

    def _load_or_make_key(self, path: Path) -> ec.EllipticCurvePrivateKey:
        if path.exists():
            try:
                key = serialization.load_pem_private_key(path.read_bytes(), None)
            except (ValueError, TypeError) as error:
                raise BadBundle(f"{path} cannot be read as a key: {error}") from error
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise BadBundle(f"{path} is not a P-256 key")
            return key
        made = ec.generate_private_key(ec.SECP256R1())
        _write_whole(
            path,
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return made


def _epoch(peer_der: bytes | None) -> int | None:
    """The epoch in central's certificate; None: the certificate is not central's."""
    if peer_der is None:
        return None
    certificate = x509.load_der_x509_certificate(peer_der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
        parts = urlsplit(uri)
        values = parse_qs(parts.query).get("epoch", [])
        if (parts.scheme, parts.path) == ("urn", "layover:central") and len(values) == 1:
            return int(values[0]) if values[0].isdecimal() and len(values[0]) < 10 else None
    return None


def _write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, on the disk before anybody relies on it, readable by us alone."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).rename(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
