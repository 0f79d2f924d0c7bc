import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from central.cli.conftest import command, free_port, process


@contextmanager
def serving(port: int, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``layover serve`` from when it answers at a port."""
    running = subprocess.Popen(
        command("serve", *arguments), stderr=subprocess.PIPE, env=os.environ | environment
    )
    try:
        deadline_s = time.monotonic() + 30
        while True:
            assert running.poll() is None, running.communicate()[1].decode()
            assert time.monotonic() < deadline_s
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=10)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    with serving(port, "--data", tmp_path / "d", "--port", port, "--no-discover") as running:
        url = f"http://127.0.0.1:{port}"
        assert json.loads(process("status", "--json", "--url", url).out)["sites"]["total"] == 0
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
        assert running.returncode == 0
        assert b"Traceback" not in err


@pytest.mark.slow
def test_flags_win_over_the_environment_and_that_over_defaults(tmp_path: Path) -> None:
    port = free_port()
    with serving(
        *(port, "--data", tmp_path / "flag", "--port", port),
        LAYOVER_PORT=str(free_port()),
        LAYOVER_DATA=str(tmp_path / "environment"),
        LAYOVER_ARCHIVE=str(tmp_path / "archive"),
        LAYOVER_DISCOVER="false",
    ):
        assert (tmp_path / "archive").is_dir()
        assert (tmp_path / "flag").is_dir()
        assert not (tmp_path / "environment").exists()


@pytest.mark.slow
def test_the_data_folder_may_stand_in_the_environment(tmp_path: Path) -> None:
    port = free_port()
    data = tmp_path / "environment"
    with serving(port, "--port", port, "--no-discover", LAYOVER_DATA=str(data)):
        assert data.is_dir()


def test_a_port_in_use_is_a_conflict(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = process("serve", "--data", tmp_path, "--port", port, "--no-discover")
    assert result.code == 4
    assert "--port" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        pytest.param(("--host", "0.0.0.0"), {}, 2, "--tls-certificate", id="away without TLS"),
        pytest.param(
            ("--host", "0.0.0.0", "--tls-certificate", "c.pem"), {}, 2, "--tls-key", id="half TLS"
        ),
        pytest.param((), {"LAYOVER_HOST": "0.0.0.0"}, 2, "--tls-certificate", id="by environment"),
        pytest.param((), {"LAYOVER_PORT": "many"}, 2, "LAYOVER_PORT", id="a bad setting"),
        pytest.param(("--log-level", "LOUD"), {}, 2, "log-level", id="a bad log level"),
        pytest.param(("--global-cap", "20"), {}, 2, "20", id="a bad cap"),
        pytest.param(("--port", "99999"), {}, 2, "port", id="a port that is none"),
        pytest.param(("--archive", "/dev/null/archive"), {}, 18, "disk", id="an archive nowhere"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], code: int, said: str
) -> None:
    given = ("--data", tmp_path / "data", "--port", free_port(), "--no-discover")
    result = process("serve", *given, *arguments, **environment)
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    assert said in result.err
