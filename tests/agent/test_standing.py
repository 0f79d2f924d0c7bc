import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.core.test_diagnosis import HEALTHY
from agent.test_metrics import parsed

from layover_agent.standing import SOCKET, NotAnswering, NotRunning, Standing, address_of, asked
from layover_agent.wire.codec import decode
from layover_agent.wire.types import ManifestHead, Status


class Box:
    """An agent's status, changed at will."""

    status = HEALTHY
    never = False

    async def __call__(self) -> Status:
        if self.never:
            await asyncio.Event().wait()
        return self.status


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def port(box: Box, tmp_path: Path) -> AsyncIterator[int]:
    async with Standing(box).listening(tmp_path, "127.0.0.1:0") as number:
        yield number


async def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_the_box_itself_is_told_its_status(port: int, tmp_path: Path) -> None:
    assert await asyncio.to_thread(asked, tmp_path) == HEALTHY


async def test_the_socket_is_not_for_everybody(port: int, tmp_path: Path) -> None:
    mode = (tmp_path / SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert not mode & stat.S_IRWXO


async def test_alive(port: int) -> None:
    assert await get(port, "/livez") == (200, b"ok\n")


async def test_alive_even_where_the_status_hangs(port: int, box: Box) -> None:
    box.never = True
    assert await get(port, "/livez") == (200, b"ok\n")


@pytest.mark.parametrize(
    ("case", "scanned_ms", "enrolled", "code"),
    [("ready", 5, True, 200), ("not looked yet", 0, True, 503), ("no fleet", 5, False, 503)],
)
async def test_ready(
    port: int, box: Box, case: str, scanned_ms: int, enrolled: bool, code: int
) -> None:
    head = ManifestHead(epoch="e", seq=1, scanned_ms=scanned_ms)
    box.status = dataclasses.replace(HEALTHY, manifest=head, enrolled=enrolled)
    answered, body = await get(port, "/readyz")
    assert answered == code, case
    assert json.loads(body)["ready"] is (code == 200)


async def test_status_over_the_lan_port(port: int) -> None:
    code, body = await get(port, "/status?x=1")
    assert code == 200
    assert decode(Status, body, "application/json") == HEALTHY


async def test_metrics(port: int) -> None:
    code, body = await get(port, "/metrics")
    assert code == 200
    assert "layover_faults" in parsed(body.decode())


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/status", "/v1/manifest", "/v1/recordings/" + "0" * 32, "/../etc/passwd", "/status/"],
)
async def test_there_is_nothing_else(port: int, path: str) -> None:
    assert (await get(port, path))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_changed(port: int, method: str) -> None:
    assert (await get(port, "/status", method))[0] == 405


async def test_what_is_not_http_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400")
    writer.close()


async def test_without_a_lan_port_there_is_none(box: Box, tmp_path: Path) -> None:
    async with Standing(box).listening(tmp_path) as port:
        assert port == 0


async def test_a_deep_data_folder_is_no_trouble(box: Box, tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    async with Standing(box).listening(folder):
        assert await asyncio.to_thread(asked, folder) == HEALTHY


async def test_no_agent_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        asked(tmp_path)


async def test_no_data_folder_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        asked(tmp_path / "missing")


async def test_the_socket_of_a_killed_agent_is_taken_over(box: Box, tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"/proc/self/fd/{handle}/{SOCKET}")
    os.close(handle)
    with pytest.raises(NotRunning):
        asked(tmp_path)
    async with Standing(box).listening(tmp_path):
        assert await asyncio.to_thread(asked, tmp_path) == HEALTHY
    assert not (tmp_path / SOCKET).exists()


async def test_two_agents_on_one_data_folder_are_refused(box: Box, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(Standing(box).listening(tmp_path))
        with pytest.raises(OSError, match="another agent"):
            await stack.enter_async_context(Standing(box).listening(tmp_path))
        assert await asyncio.to_thread(asked, tmp_path) == HEALTHY


async def test_an_agent_that_hangs_is_told_from_none(box: Box, tmp_path: Path) -> None:
    box.never = True
    async with Standing(box).listening(tmp_path):
        with pytest.raises(NotAnswering):
            await asyncio.to_thread(asked, tmp_path, 0.2)


async def test_the_server_ends_while_somebody_waits(box: Box, tmp_path: Path) -> None:
    box.never = True
    async with asyncio.timeout(10), Standing(box).listening(tmp_path, "127.0.0.1:0") as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /status HTTP/1.1\r\nHost: b\r\n\r\n")
        await writer.drain()
        assert await get(port, "/livez") == (200, b"ok\n")
    writer.close()


@pytest.mark.parametrize(
    ("listen", "address"),
    [("0.0.0.0:8442", ("0.0.0.0", 8442)), ("[::]:1", ("::", 1)), ("box:0", ("box", 0))],
)
def test_addresses(listen: str, address: tuple[str, int]) -> None:
    assert address_of(listen) == address


@pytest.mark.parametrize("listen", ["8442", ":8442", "0.0.0.0", "a:b", "a:-1", "a:65536", "a:"])
def test_what_is_no_address(listen: str) -> None:
    with pytest.raises(ValueError, match=r"service\.listen"):
        address_of(listen)
