import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from central.cli.conftest import Fleet, Result, Run, free_port, process, served
from central.cli.peers import line, stranger
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from layover_central.config import Settings
from layover_central.errors import MEANINGS, Kind, LayoverError, problem

ASKED = ("request", "bus-217", "--camera", "front", "--from", "11:00", "--to", "+3m")
JSON = {"content-type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}


def refused(result: Result) -> str:
    """The error of a command that failed as it should: one line, a hint, nothing else."""
    assert result.out == ""
    lines = result.err.splitlines()
    assert [one.split(":")[0] for one in lines] == ["layover", "hint"], result.err
    return result.err


def test_no_central_is_said_with_the_way_to_one(anywhere: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = anywhere("status", "--url", url)
    assert result.code == 10
    assert url in refused(result)
    assert "layover serve --data DIR" in result.err


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_problem_has_its_exit_code(anywhere: Run, kind: Kind) -> None:
    body = json.dumps(problem(LayoverError(kind, "what happened", "what to do"))).encode()
    with stranger(MEANINGS[kind].status, PROBLEM, body) as url:
        result = anywhere("status", "--url", url)
    assert result.code == MEANINGS[kind].exit_code
    assert refused(result) == "layover: what happened\nhint: what to do\n"


def test_a_hostile_problem_cannot_write_to_the_terminal(anywhere: Run) -> None:
    error = LayoverError(Kind.NOT_FOUND, "a\x1b[2Jb\nlayover: c\u202ed", "e\x1b]0;f\x07")
    with stranger(404, PROBLEM, json.dumps(problem(error)).encode()) as url:
        result = anywhere("status", "--url", url)
    refused(result)
    assert not {"\x1b", "\x07", "\u202e"} & set(result.err)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(200, {"content-type": "text/html"}, b"<h1>It works!</h1>", id="a web page"),
        pytest.param(200, {}, b"", id="nothing"),
        pytest.param(200, {}, b"\xff\xfe\x00", id="bytes"),
        pytest.param(302, {"location": "/login"}, b"", id="a redirect"),
        pytest.param(500, {"content-type": "text/html"}, b"<h1>Oops</h1>", id="an error page"),
        pytest.param(404, JSON, b"[]", id="an error of another API"),
        pytest.param(404, JSON, b'{"code": "brand-new", "detail": "x"}', id="an unknown problem"),
        pytest.param(200, JSON, b"{}", id="an empty object"),
        pytest.param(200, JSON, b'["x"]', id="a list"),
    ],
)
def test_what_is_not_central_is_not_a_traceback(
    anywhere: Run, status: int, headers: dict[str, str], body: bytes
) -> None:
    with stranger(status, headers, body) as url:
        result = anywhere("status", "--url", url)
    assert result.code not in (0, 1)
    refused(result)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--url", "http://[::1"), id="an address that is none"),
        pytest.param(("--url", "http://127.0.0.1:99999"), id="a port that is none"),
        pytest.param(("--url", "ftp://127.0.0.1"), id="another protocol"),
        pytest.param(("--url", "127.0.0.1:8440"), id="no protocol"),
        pytest.param(("--key", "schlüssel"), id="a key beyond ASCII"),
        pytest.param(("--key", "a\nb"), id="a key of two lines"),
    ],
)
def test_an_address_or_key_that_cannot_be_is_bad_input(
    layover: Run, arguments: tuple[str, ...]
) -> None:
    result = layover("status", *arguments)
    assert result.code == 2
    refused(result)


@pytest.mark.parametrize("label", ["", ".", "..", "a/b", "bus-217?replace=true", "a#b", "\udcff"])
def test_a_label_names_one_thing_or_nothing(layover: Run, bus: str, label: str) -> None:
    before = layover("sites", "--json").document
    for command in (
        ("site", "show", label),
        ("site", "set", label, "--address", "10.0.0.1"),
        ("site", "expect", label, "22:10"),
        ("site", "recordings", label),
        ("depot", "set", label, "--slots", "1"),
    ):
        result = layover(*command)
        assert result.code in (2, 3), command
        refused(result)
    assert layover("sites", "--json").document == before


def test_an_unusual_label_is_found(good: Run) -> None:
    for label in ("Fähre 1", "bus.7_a", "列車-3"):
        good("site", "add", label)
        assert good("site", "show", label, "--json").document["label"] == label


@pytest.mark.parametrize("text", ["\udcff", "schlüssel"])
def test_an_idempotency_key_that_cannot_be_is_bad_input(layover: Run, bus: str, text: str) -> None:
    result = layover(*ASKED, "--idempotency-key", text)
    assert result.code == 2
    refused(result)


def test_a_reason_that_is_no_text_is_bad_input(layover: Run, bus: str) -> None:
    result = layover(*ASKED, "--reason", "\udcff")
    assert result.code == 2
    refused(result)


def test_a_lost_answer_is_asked_for_again(anywhere: Run, fleet: Fleet, bus: str) -> None:
    with line(fleet.port, losses=1) as way:
        result = anywhere(*ASKED, "--json", "--url", way.url)
    assert (result.code, result.err) == (0, "")
    assert result.document["id"] == 1
    assert way.seen == ["POST /api/v1/requests"] * 2
    assert way.keys[0] == way.keys[1] is not None
    assert len(anywhere("requests", "--json", "--url", fleet.url).document) == 1


def test_an_answer_lost_twice_is_an_error_that_can_be_repeated(
    anywhere: Run, fleet: Fleet, bus: str
) -> None:
    """The key is told: only with it is repeating the command not a second request."""
    with line(fleet.port, losses=2) as way:
        result = anywhere(*ASKED, "--url", way.url)
        assert result.code == 10
        key = way.keys[0]
        assert key is not None
        assert f"--idempotency-key {key}" in refused(result)
        again = anywhere(*ASKED, "--idempotency-key", key, "--json", "--url", way.url)
    assert again.document["id"] == 1


@pytest.mark.parametrize("command", [("site", "add", "bus-9"), ("depot", "add", "south")])
def test_what_has_no_key_is_not_repeated(
    anywhere: Run, fleet: Fleet, command: tuple[str, ...]
) -> None:
    """Done twice, the second time would be told as a conflict."""
    with line(fleet.port, losses=1) as way:
        result = anywhere(*command, "--url", way.url)
    assert result.code == 10
    assert len(way.seen) == 1
    refused(result)


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[tuple[Fleet, str]]:
    """A central that other machines may reach, and its access key."""
    data = tmp_path / "remote"
    with served(Settings(data=data, host="0.0.0.0")) as fleet:
        yield fleet, (data / "access-key").read_text().strip()


def test_a_remote_central_wants_its_key(anywhere: Run, remote: tuple[Fleet, str]) -> None:
    fleet, key = remote
    for wrong in ("", "wrong"):
        result = anywhere("status", "--url", fleet.url, "--key", wrong)
        assert result.code == 5
        assert "access key" in refused(result)
    assert anywhere("status", "--url", fleet.url, "--key", key).code == 0


def test_the_key_may_stand_in_the_environment(
    anywhere: Run, remote: tuple[Fleet, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, key = remote
    monkeypatch.setenv("LAYOVER_URL", fleet.url)
    monkeypatch.setenv("LAYOVER_KEY", key)
    assert anywhere("status").code == 0
    assert anywhere("status", "--key", "wrong").code == 5


def test_a_key_in_the_address_is_not_shown(anywhere: Run) -> None:
    result = anywhere("status", "--url", f"http://layover:sesame@127.0.0.1:{free_port()}")
    assert result.code == 10
    assert "sesame" not in refused(result)


def test_the_flag_wins_over_the_environment(
    anywhere: Run, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYOVER_URL", f"http://127.0.0.1:{free_port()}")
    assert anywhere("status", "--url", fleet.url).code == 0
    assert anywhere("status").code == 10


def test_this_machine_is_asked_without_a_proxy(
    layover: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert layover("status").code == 0


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "central")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "central.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_an_unknown_certificate_is_told_as_that(anywhere: Run, certificate: Path) -> None:
    with stranger(200, JSON, b"{}", certificate) as url:
        result = anywhere("status", "--url", url)
    assert result.code != 0
    assert "certificate" in refused(result)
    assert "layover serve" not in result.err


def test_connections_are_closed(fleet: Fleet) -> None:
    result = process("status", "--url", fleet.url, PYTHONWARNINGS="always::ResourceWarning")
    assert (result.code, result.err) == (0, "")
