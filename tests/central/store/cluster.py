"""A PostgreSQL server of our own: started for the tests, gone with them."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian keeps its servers, one folder per major version."""


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, the newest there is; None: not installed."""
    found = sorted(PACKAGED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    other = shutil.which("initdb")
    return Path(other).parent if other else None


class Cluster:
    """A running server with as many databases as the tests ask for."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._made = 0

    def new_database(self, like: str = "template1") -> str:
        """The name of a database that nobody used before: empty, or the copy of another."""
        self._made += 1
        name = f"layover_{self._made}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(like)
                )
            )
        return name

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def _dsn(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={name}"


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """A server on a free loopback port, in a temporary folder; not durable, so quick."""
    with tempfile.TemporaryDirectory(prefix="layover-pg-") as name:
        folder = Path(name)
        data, log = folder / "data", folder / "log"
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
        control = str(programs / "pg_ctl")
        _as_postgres(
            [control, "-s", "-D", str(data), "initdb", "-o", "-U postgres -A trust -E UTF8 -N"]
        )
        port = _free_port()
        options = f"-p {port} -k {folder} -h 127.0.0.1 -c fsync=off -c full_page_writes=off"
        try:
            _as_postgres(
                [control, "-s", "-w", "-D", str(data), "-l", str(log), "-o", options, "start"]
            )
            yield Cluster(port)
        finally:
            _as_postgres([control, "-s", "-w", "-D", str(data), "-m", "immediate", "stop"])


def _as_postgres(command: Sequence[str]) -> None:
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
