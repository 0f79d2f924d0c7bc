"""The agent and nginx side by side: how fast they send the same file over TLS 1.3."""

import asyncio
import getpass
import statistics
from dataclasses import dataclass
from pathlib import Path

from layover_sim.bench.box import Box
from layover_sim.bench.peers import installed
from layover_sim.bench.ports import answering, free_port
from layover_sim.bench.run import NoPeer
from layover_sim.bench.usage import MB, family_cpu_s
from layover_sim.fleet import NotReady, Program, running

CIPHER = "TLS_AES_256_GCM_SHA384"

_NGINX = """\
daemon off;
user {user};
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {scratch}/nginx-body;
  proxy_temp_path {scratch}/nginx-proxy;
  fastcgi_temp_path {scratch}/nginx-fastcgi;
  uwsgi_temp_path {scratch}/nginx-uwsgi;
  scgi_temp_path {scratch}/nginx-scgi;
  sendfile on;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_client_certificate {ca};
    ssl_verify_client on;
    location = /recording {{ alias {file}; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Medians over the runs of one server."""

    mb_per_s: float
    cpu_s_per_gb: float


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody who has the file."""

    url: str
    pid: int


async def side_by_side(
    box: Box, recording_id: str, file: Path, scratch: Path, runs: int, clients: int
) -> tuple[Throughput, Throughput]:
    """The agent's and nginx's throughput for one file, in turns, to ``clients`` at once.

    Same certificates (mutual), same cipher, one curl per client, everything on this machine and
    in the page cache. NoPeer without nginx or curl.
    """
    curl = _curl(box)
    agent = Server(
        f"https://127.0.0.1:{box.site.port}/v1/recordings/{recording_id}", box.site.agent.pid
    )
    program, port = _nginx(box, file, scratch)
    async with running(program):
        await program.start()
        try:
            await answering(program, port)
        except NotReady as error:
            raise NoPeer(str(error)) from error
        nginx = Server(f"https://127.0.0.1:{port}/recording", program.pid)
        for server in (agent, nginx):
            await _run(curl, server, 1)
        found: dict[str, list[tuple[float, float]]] = {agent.url: [], nginx.url: []}
        for _ in range(runs):
            for server in (agent, nginx):
                found[server.url].append(await _run(curl, server, clients))
    ours, theirs = (
        Throughput(*(statistics.median(one) for one in zip(*found[server.url], strict=True)))
        for server in (agent, nginx)
    )
    return ours, theirs


async def _run(curl: list[str], server: Server, clients: int) -> tuple[float, float]:
    """One download by every client at once: MB/s of payload in all, server's CPU s per GB."""
    cpu_s = family_cpu_s(server.pid)
    downloads = await asyncio.gather(*(_download(curl, server.url) for _ in range(clients)))
    cpu_s = family_cpu_s(server.pid) - cpu_s
    size_bytes = sum(size for size, _ in downloads)
    return size_bytes / MB / max(took_s for _, took_s in downloads), cpu_s / (size_bytes / 1e9)


async def _download(curl: list[str], url: str) -> tuple[int, float]:
    """Payload bytes and the seconds they took, by curl's own clock (handshake included)."""
    process = await asyncio.create_subprocess_exec(
        *curl, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise NoPeer(f"curl {url} failed: {errors.decode().strip()}")
    size_bytes, took_s = output.split()
    return int(size_bytes), float(took_s)


def _curl(box: Box) -> list[str]:
    """The client, with central's certificate; prints payload bytes and seconds."""
    trust = box.trust_folder
    return [
        installed("curl"), "--silent", "--show-error", "--fail", "--output", "/dev/null",
        "--write-out", "%{size_download} %{time_total}", "--http1.1", "--tlsv1.3",
        "--tls13-ciphers", CIPHER,
        "--cacert", str(trust / "fleet-ca.pem"),
        "--cert", str(trust / "central.pem"), "--key", str(trust / "central.key"),
    ]  # fmt: skip


def _nginx(box: Box, file: Path, scratch: Path) -> tuple[Program, int]:
    """nginx with the box's own certificate, as the agent has it; its port."""
    identity = box.site.folder / "data" / "identity"
    port = free_port()
    config = scratch / "nginx.conf"
    config.write_text(
        _NGINX.format(
            user=getpass.getuser(),
            scratch=scratch,
            port=port,
            certificate=identity / "site.pem",
            key=identity / "site.key",
            ca=box.trust_folder / "fleet-ca.pem",
            file=file,
        )
    )
    command = [installed("nginx"), "-p", str(scratch), "-c", str(config)]
    return Program("nginx", command, scratch / "nginx.log"), port
