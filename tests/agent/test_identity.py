"""Who may speak to a box: a table of attackers, each over a real TLS connection."""

import asyncio
import datetime as dt
import socket
import ssl
import stat
from pathlib import Path

import pytest
from agent.conftest import Box
from agent.kit import CENTRAL_URI, ClientFiles, FleetCa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from layover_agent.errors import NotEnrolled
from layover_agent.identity import BadBundle, Identity
from layover_agent.wire.identity import host_name, identity_of_certificate

PAST = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 2, 1, tzinfo=dt.UTC))
FUTURE = (dt.datetime(2090, 1, 1, tzinfo=dt.UTC), dt.datetime(2091, 1, 1, tzinfo=dt.UTC))


def answers(port: int, context: ssl.SSLContext) -> bool:
    """Whether a peer gets as far as an HTTP answer. Blocking; belongs in a thread."""
    request = b"GET /v1/status HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n"
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(request)
            return secure.recv(1000).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


async def welcomed(port: int, context: ssl.SSLContext) -> bool:
    return await asyncio.to_thread(answers, port, context)


@pytest.fixture
def clients(fleet: FleetCa, tmp_path: Path) -> dict[str, ssl.SSLContext]:
    folder = tmp_path / "clients"
    folder.mkdir()
    made: dict[str, ClientFiles] = {
        "central": fleet.client_files(folder, "central"),
        "central, expired": fleet.client_files(folder, "old", dates=PAST),
        "central, not yet valid": fleet.client_files(folder, "new", dates=FUTURE),
        "a site that poses as central": fleet.client_files(
            folder, "site", usage=ExtendedKeyUsageOID.SERVER_AUTH
        ),
        "a member of the fleet that is not central": fleet.client_files(
            folder, "member", uri="urn:layover:site:" + "a" * 64
        ),
        "central without an epoch": fleet.client_files(folder, "bare", uri="urn:layover:central"),
        "central of epoch minus one": fleet.client_files(
            folder, "minus", uri=CENTRAL_URI.format(-1)
        ),
        "central of two epochs": fleet.client_files(
            folder, "two", uri=CENTRAL_URI.format("1&epoch=9")
        ),
        "central under another scheme": fleet.client_files(
            folder, "http", uri="http://layover:80/central?epoch=1"
        ),
        "a certificate without names": fleet.client_files(folder, "nameless", uri=None),
    }
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    made["central of another fleet"] = FleetCa().client_files(stranger)
    namesake = tmp_path / "namesake"
    namesake.mkdir()
    made["a fleet of the same name with another key"] = FleetCa(fleet.name).client_files(namesake)
    contexts = {name: files.context() for name, files in made.items()}
    for context in contexts.values():
        context.verify_mode = ssl.CERT_NONE  # an attacker does not mind whom he talks to
    anonymous = ssl.create_default_context(cafile=str(made["central"].ca))
    anonymous.check_hostname = False
    contexts["nobody"] = anonymous
    old = made["central"].context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    contexts["central over TLS 1.2"] = old
    return contexts


WELCOME = {"central", "central, expired", "central, not yet valid"}


async def test_only_central_is_answered_whatever_the_date(
    port: int, clients: dict[str, ssl.SSLContext]
) -> None:
    let_in = {name for name, context in clients.items() if await welcomed(port, context)}
    assert let_in == WELCOME


async def test_a_central_that_was_replaced_is_turned_away_for_good(
    port: int, fleet: FleetCa, box: Box, tmp_path: Path
) -> None:
    def of_epoch(number: int) -> ssl.SSLContext:
        return fleet.client_files(tmp_path, f"e{number}", CENTRAL_URI.format(number)).context()

    assert await welcomed(port, of_epoch(1))
    assert await welcomed(port, of_epoch(7))
    assert not await welcomed(port, of_epoch(6))
    assert await welcomed(port, of_epoch(7))
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "e6.pem").read_text())
    assert not Identity(tmp_path / "identity").accepts(der), "a restart forgets nothing"


async def test_the_box_shows_the_certificate_of_its_own_key(
    port: int, central: ClientFiles, box: Box
) -> None:
    def shown() -> bytes | None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            context = central.context()
            context.check_hostname = True
            with context.wrap_socket(plain, server_hostname=host_name(box.identity.id)) as secure:
                assert secure.version() == "TLSv1.3"
                return secure.getpeercert(True)

    der = await asyncio.to_thread(shown)
    assert der is not None
    assert identity_of_certificate(der) == box.identity.id


def test_the_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    first = Identity(tmp_path / "identity")
    assert Identity(tmp_path / "identity").id == first.id
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700
    for file in (tmp_path / "identity").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_request_is_for_the_key_and_carries_its_name(tmp_path: Path) -> None:
    identity = Identity(tmp_path / "identity")
    request = x509.load_pem_x509_csr(identity.certificate_request())
    assert request.is_signature_valid
    assert request.public_key() == identity.key.public_key()
    (name,) = request.subject
    assert name.value == identity.id[:32]


def test_a_box_that_is_not_enrolled_serves_nobody(tmp_path: Path) -> None:
    identity = Identity(tmp_path / "identity")
    assert not identity.enrolled
    with pytest.raises(NotEnrolled):
        identity.server_context()


@pytest.fixture
def enrolled(tmp_path: Path, fleet: FleetCa) -> Identity:
    identity = Identity(tmp_path / "identity")
    identity.install(fleet.bundle(identity.certificate_request(), identity.id))
    return identity


def test_the_same_bundle_may_be_installed_again(enrolled: Identity, fleet: FleetCa) -> None:
    enrolled.install(fleet.bundle(enrolled.certificate_request(), enrolled.id))
    assert enrolled.enrolled


def test_another_fleet_takes_the_box_only_on_purpose(enrolled: Identity) -> None:
    other = FleetCa("another").bundle(enrolled.certificate_request(), enrolled.id)
    with pytest.raises(BadBundle, match="--replace"):
        enrolled.install(other)
    enrolled.install(other, replace=True)
    enrolled.server_context()


def test_the_epoch_of_the_old_fleet_does_not_lock_out_the_new_one(
    enrolled: Identity, fleet: FleetCa, tmp_path: Path
) -> None:
    def der(ca: FleetCa, epoch: int) -> bytes:
        files = ca.client_files(tmp_path, f"c{epoch}", CENTRAL_URI.format(epoch))
        return ssl.PEM_cert_to_DER_cert(files.certificate.read_text())

    assert enrolled.accepts(der(fleet, 9))
    new = FleetCa("another")
    enrolled.install(new.bundle(enrolled.certificate_request(), enrolled.id), replace=True)
    assert enrolled.accepts(der(new, 1))


def foreign_key(identity: Identity, fleet: FleetCa) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    made = fleet.issue(key, [], ExtendedKeyUsageOID.SERVER_AUTH)
    return made.public_bytes(Encoding.PEM) + fleet.pem


def other_authority(identity: Identity, fleet: FleetCa) -> bytes:
    bundle = fleet.bundle(identity.certificate_request(), identity.id)
    return bundle.removesuffix(fleet.pem) + FleetCa(fleet.name).pem


def without_authority(identity: Identity, fleet: FleetCa) -> bytes:
    return fleet.bundle(identity.certificate_request(), identity.id).removesuffix(fleet.pem)


def wrong_order(identity: Identity, fleet: FleetCa) -> bytes:
    bundle = fleet.bundle(identity.certificate_request(), identity.id)
    return fleet.pem + bundle.removesuffix(fleet.pem)


def nothing(_identity: Identity, _fleet: FleetCa) -> bytes:
    return b""


def junk(_identity: Identity, _fleet: FleetCa) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 2


@pytest.mark.parametrize(
    "bundle", [foreign_key, other_authority, without_authority, wrong_order, nothing, junk]
)
def test_a_bundle_that_is_not_for_this_box_changes_nothing(
    tmp_path: Path, fleet: FleetCa, bundle
) -> None:  # type: ignore[no-untyped-def]
    identity = Identity(tmp_path / "identity")
    with pytest.raises(BadBundle):
        identity.install(bundle(identity, fleet))
    assert not identity.enrolled
    assert sorted(p.name for p in (tmp_path / "identity").iterdir()) == ["site.key"]


def test_a_key_file_that_is_spoilt_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity" / "site.key").write_bytes(b"junk")
    with pytest.raises(BadBundle, match=r"site\.key"):
        Identity(tmp_path / "identity")
