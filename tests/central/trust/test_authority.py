"""The fleet's authority: what it keeps, and what it signs."""

import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from central.trust.conftest import LONG_AGO, PEM, bundle, csr, ec_key, identity_of, pkcs8
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from layover_agent.wire.identity import host_name, identity_of_certificate
from layover_central.errors import Kind, LayoverError
from layover_central.trust.authority import MAX_CSR_BYTES, Authority


def test_the_authority_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = Authority(tmp_path / "trust")
    files = {p.name: p.read_bytes() for p in (tmp_path / "trust").iterdir()}
    again = Authority(tmp_path / "trust")
    assert again.ca_pem == first.ca_pem
    assert {p.name: p.read_bytes() for p in (tmp_path / "trust").iterdir()} == files
    site, _ = bundle(again, csr(ec_key()))
    site.verify_directly_issued_by(x509.load_pem_x509_certificate(first.ca_pem))


def test_two_fleets_are_strangers(tmp_path: Path) -> None:
    one, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    assert one.ca_pem != other.ca_pem


def test_only_central_can_read_its_keys(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "trust"
    Authority(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in folder.iterdir()}
    names = ("central.key", "central.pem", "fleet-ca.key", "fleet-ca.pem")
    assert modes == dict.fromkeys(names, "0o600")


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "trust"
    folder.mkdir(mode=0o755)
    Authority(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def other_curve() -> bytes:
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
        .public_bytes(PEM)
    )


def edwards() -> bytes:
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(ed25519.Ed25519PrivateKey.generate(), None)
        .public_bytes(PEM)
    )


def tampered() -> bytes:
    """A request whose signature was made for something else."""
    der = bytearray(x509.load_pem_x509_csr(csr(ec_key())).public_bytes(serialization.Encoding.DER))
    at = der.index(b"Layover central")
    der[at : at + 7] = b"LAYOVER"
    return x509.load_der_x509_csr(bytes(der)).public_bytes(PEM)


def a_certificate() -> bytes:
    key = ec_key()
    name = x509.Name([])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, *LONG_AGO)
        .sign(key, hashes.SHA256())
        .public_bytes(PEM)
    )


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "garbage": lambda: b"\0\xff" * 50,
    "text": lambda: b"please",
    "a PEM of garbage": lambda: (
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
    ),
    "half of one": lambda: csr(ec_key())[:200],
    "too long": lambda: csr(ec_key()) + b"\n" * MAX_CSR_BYTES,
    "a certificate": a_certificate,
    "an RSA key": lambda: csr(rsa.generate_private_key(65537, 2048)),
    "another curve": other_curve,
    "an Ed25519 key": edwards,
    "a tampered signature": tampered,
}


@pytest.mark.parametrize("request_pem", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request_of_a_box_is_refused(
    authority: Authority, request_pem: Callable[[], bytes]
) -> None:
    with pytest.raises(LayoverError) as caught:
        authority.certify_site(request_pem())
    assert caught.value.kind is Kind.BAD_INPUT


def test_of_a_request_only_its_key_is_taken_over(authority: Authority) -> None:
    key = ec_key()
    greedy = csr(
        key,
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        x509.SubjectAlternativeName(
            [
                x509.UniformResourceIdentifier("urn:layover:central?epoch=99"),
                x509.DNSName("central.example"),
            ]
        ),
    )
    identity, _ = authority.certify_site(greedy)
    site, _ = bundle(authority, greedy)
    assert identity == identity_of(key)
    assert site.subject.rfc4514_string() == f"CN=site {identity[:16]}"
    assert not site.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = site.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        f"urn:layover:site:{identity}"
    ]
    assert names.get_values_for_type(x509.DNSName) == [host_name(identity), "localhost"]


def test_a_site_is_a_server_and_central_a_client_and_neither_both(
    authority: Authority, tmp_path: Path
) -> None:
    site, ca = bundle(authority, csr(ec_key()))
    central = x509.load_pem_x509_certificate((tmp_path / "trust" / "central.pem").read_bytes())
    usage = {
        name: list(c.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for name, c in (("site", site), ("central", central))
    }
    assert usage == {
        "site": [ExtendedKeyUsageOID.SERVER_AUTH],
        "central": [ExtendedKeyUsageOID.CLIENT_AUTH],
    }
    names = central.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        "urn:layover:central?epoch=1"
    ]
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    for certificate in (site, central):
        certificate.verify_directly_issued_by(ca)


def test_the_same_key_is_the_same_site(authority: Authority) -> None:
    request = csr(ec_key())
    first, second = authority.certify_site(request), authority.certify_site(request)
    assert first[0] == second[0]
    one, other = (x509.load_pem_x509_certificates(b[1])[0] for b in (first, second))
    assert one.serial_number != other.serial_number


DAMAGED = {
    "a key that is garbage": ("fleet-ca.key", lambda: b"garbage"),
    "an empty key": ("central.key", lambda: b""),
    "a certificate that is garbage": ("fleet-ca.pem", lambda: b"garbage"),
    "a key of another kind": (
        "central.key",
        lambda: pkcs8(rsa.generate_private_key(65537, 2048)),
    ),
    "a key of another certificate": ("fleet-ca.key", lambda: pkcs8(ec_key())),
}


@pytest.mark.parametrize(("name", "content"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_folder_is_told_and_never_replaced(
    tmp_path: Path, name: str, content: Callable[[], bytes]
) -> None:
    Authority(tmp_path / "trust")
    path = tmp_path / "trust" / name
    damage = content()
    path.write_bytes(damage)
    with pytest.raises(LayoverError) as caught:
        Authority(tmp_path / "trust")
    assert caught.value.kind is Kind.STORAGE
    assert str(path.with_suffix("")) in caught.value.detail
    assert path.read_bytes() == damage


@pytest.mark.parametrize("name", ["fleet-ca.key", "central.key"])
def test_a_key_that_is_missing_is_not_made_anew(tmp_path: Path, name: str) -> None:
    Authority(tmp_path / "trust")
    (tmp_path / "trust" / name).unlink()
    with pytest.raises(LayoverError) as caught:
        Authority(tmp_path / "trust")
    assert caught.value.kind is Kind.STORAGE
    assert name in caught.value.detail
    assert not (tmp_path / "trust" / name).exists()


@pytest.mark.parametrize("name", ["fleet-ca.pem", "central.pem"])
def test_a_first_start_that_was_cut_goes_on_with_its_keys(tmp_path: Path, name: str) -> None:
    Authority(tmp_path / "trust")
    keys = {p.name: p.read_bytes() for p in (tmp_path / "trust").glob("*.key")}
    (tmp_path / "trust" / name).unlink()
    assert Authority(tmp_path / "trust").client_context.verify_mode is ssl.CERT_REQUIRED
    assert {p.name: p.read_bytes() for p in (tmp_path / "trust").glob("*.key")} == keys


def test_the_identity_of_a_certificate_is_that_of_its_key(authority: Authority) -> None:
    key = ec_key()
    site, _ = bundle(authority, csr(key))
    assert identity_of_certificate(site.public_bytes(serialization.Encoding.DER)) == identity_of(
        key
    )
