"""The service manager's socket is a real one; only the manager behind it is the test."""

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from layover_agent.notify import notify, status, watchdog, watchdog_s

Manager = tuple[socket.socket, dict[str, str]]


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """The socket, and the environment that names it."""
    name = str(tmp_path / "n") if request.param == "path" else "@layover-" + secrets.token_hex(8)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        listener.settimeout(5)
        yield listener, {"NOTIFY_SOCKET": name}


async def heard(listener: socket.socket) -> str:
    return (await asyncio.to_thread(listener.recv, 4096)).decode()


def test_lines_arrive_in_one_datagram(manager: Manager) -> None:
    listener, environment = manager
    assert notify("READY=1", status("3 cameras"), environment=environment)
    assert listener.recv(4096) == b"READY=1\nSTATUS=3 cameras"


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="unset"),
        pytest.param({"NOTIFY_SOCKET": ""}, id="empty"),
        pytest.param({"NOTIFY_SOCKET": "/nowhere/at/all"}, id="nobody-there"),
        pytest.param({"NOTIFY_SOCKET": "vsock:2:1"}, id="another-family"),
        pytest.param({"NOTIFY_SOCKET": "/" + "long" * 100}, id="too-long"),
        pytest.param({"NOTIFY_SOCKET": "/nul\0/inside"}, id="nul"),
    ],
)
def test_a_manager_that_cannot_hear_is_no_failure(environment: dict[str, str]) -> None:
    assert not notify("READY=1", environment=environment)


def test_a_manager_that_does_not_read_keeps_us_a_bounded_time(manager: Manager) -> None:
    """A datagram socket's queue is full after some messages: sending to it blocks."""
    _, environment = manager
    assert any(not notify("WATCHDOG=1", environment=environment) for _ in range(100_000))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("4 cameras, healthy", "STATUS=4 cameras, healthy"),
        ("front\nMAINPID=1\r\nREADY=1", "STATUS=front MAINPID=1 READY=1"),
        ("x" * 5000, "STATUS=" + "x" * 200),
        ("", "STATUS="),
    ],
    ids=["plain", "no-lines-smuggled-in", "bounded", "empty"],
)
def test_a_status_is_one_line(text: str, line: str) -> None:
    assert status(text) == line


def test_bytes_of_a_name_that_are_no_text_are_sent_marked(manager: Manager) -> None:
    listener, environment = manager
    assert notify(status("camera \udcff"), environment=environment)
    assert listener.recv(4096) == b"STATUS=camera ?"


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        pytest.param({"WATCHDOG_USEC": "60000000"}, 30.0, id="half-of-the-limit"),
        pytest.param({"WATCHDOG_USEC": "3", "WATCHDOG_PID": str(os.getpid())}, 1.5e-6, id="ours"),
        pytest.param({"WATCHDOG_USEC": "3", "WATCHDOG_PID": "1"}, None, id="another-process"),
        pytest.param({"WATCHDOG_USEC": "3", "WATCHDOG_PID": "x"}, None, id="no-number-of-process"),
        pytest.param({}, None, id="none"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="no-number"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="zero"),
        pytest.param({"WATCHDOG_USEC": "-5"}, None, id="negative"),
    ],
)
def test_the_watchdog_is_fed_twice_per_limit(
    environment: dict[str, str], every_s: float | None
) -> None:
    assert watchdog_s(environment) == every_s


async def test_without_a_watchdog_there_is_nothing_to_do() -> None:
    await asyncio.wait_for(watchdog(lambda: True, {}), 5)


async def test_it_is_fed_while_the_work_goes_on_and_starves_when_it_stops(
    manager: Manager,
) -> None:
    listener, environment = manager
    going_on = [True]
    feeding = asyncio.create_task(
        watchdog(lambda: going_on[0], environment | {"WATCHDOG_USEC": "20000"})
    )
    assert [await heard(listener) for _ in range(3)] == ["WATCHDOG=1"] * 3
    going_on[0] = False
    while (said := await heard(listener)) == "WATCHDOG=1":
        pass
    assert said == "STATUS=makes no progress"
    listener.settimeout(0.2)  # ten feeding times: silence, and the reason is not repeated
    with pytest.raises(TimeoutError):
        await heard(listener)
    going_on[0] = True
    listener.settimeout(5)
    assert await heard(listener) == "WATCHDOG=1"
    feeding.cancel()


async def test_a_loop_that_hangs_feeds_nobody(manager: Manager) -> None:
    listener, environment = manager
    feeding = asyncio.create_task(watchdog(lambda: True, environment | {"WATCHDOG_USEC": "20000"}))
    assert await heard(listener) == "WATCHDOG=1"
    listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        while True:  # on the loop's own thread: it gets no turn meanwhile
            listener.recv(4096)
    feeding.cancel()
