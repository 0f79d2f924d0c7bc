"""A database of every schema that was ever on a box becomes one of today's, with all it knew."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from layover_agent import upgrade
from layover_agent.database import SCHEMA_VERSION
from layover_agent.manifest import opened
from layover_agent.upgrade import OLDEST

SCHEMAS = Path(__file__).parent / "schemas"
"""``N.sql``: schema N as it was shipped. When a schema changes, the one before comes here."""

EARLIER = range(OLDEST, SCHEMA_VERSION)


def made(path: Path, version: int) -> None:
    """A database of an earlier version in which a box has lived for a while."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript((SCHEMAS / f"{version}.sql").read_text())
        old.execute("PRAGMA journal_mode=WAL")
        old.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [("schema", version), ("epoch", "e" * 16), ("uptime_s", "900"), ("scanned_ms", "77")],
        )
        for seq, there in ((1, 1), (2, 1), (3, 0)):
            old.execute(
                "INSERT INTO recordings (id, seq, source, camera, path, path_there, held, start_ms,"
                " end_ms, size_bytes, container, end_source, confidence, damaged, inode, mtime_ns,"
                " boot_id, closed_mono_ms, gone_ms) VALUES (?, ?, 'main', 'front', ?, ?, ?, 10, 20,"
                " 5, 'mp4', 'container', 'sure', 0, 7, 8, 'boot', 9, ?)",
                (f"{seq:032x}", seq, f"{seq}.mp4".encode(), there, seq == 2, 0 if there else 55),
            )
        old.execute(
            "INSERT INTO digests VALUES (?, 5, 8, 7, 6, x'aa', x'bb', x'cc')", (f"{1:032x}",)
        )
        old.execute("INSERT INTO holds VALUES (?, 'link', 4000, 5, 8)", (f"{2:032x}",))
        old.commit()


def shape(path: Path) -> dict[str, object]:
    """All that a schema says: tables, columns, indexes, as SQLite understood them."""
    with closing(sqlite3.connect(path)) as database:
        parts = database.execute(
            "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()
        return {
            "parts": parts,
            **{
                name: database.execute(f"PRAGMA table_xinfo({name})").fetchall()
                for kind, name, _ in parts
                if kind == "table"
            },
        }


def test_every_earlier_schema_is_at_hand() -> None:
    assert [int(p.stem) for p in sorted(SCHEMAS.glob("*.sql"))] == list(EARLIER)


@pytest.mark.parametrize("version", EARLIER)
async def test_an_upgraded_database_is_like_a_fresh_one(tmp_path: Path, version: int) -> None:
    made(tmp_path / "old.db", version)
    for name in ("old.db", "fresh.db"):
        async with opened(tmp_path / name):
            pass
    assert shape(tmp_path / "old.db") == shape(tmp_path / "fresh.db")


@pytest.mark.parametrize("version", EARLIER)
async def test_nothing_that_was_known_is_lost(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    made(path, version)
    async with opened(path) as manifest:
        assert manifest.epoch == "e" * 16, "a reader goes on where it was"
        assert manifest.rebuilt_because == ""
        page = await manifest.page(manifest.epoch, 0, 10)
        assert [(row.seq, row.state, row.held) for row in page.rows] == [
            (1, "present", False),
            (2, "present", True),
            (3, "gone", False),
        ]
        assert page.as_of_ms == 77
        assert await manifest.note("uptime_s") == "900"
        row = await manifest.get(f"{1:032x}")
        assert row is not None
        digest, _ = await manifest.statement(row) or (b"", None)
        assert digest == b"\xaa"
        assert await manifest.without_statement(()) == f"{2:032x}", "the other has digests"
        (hold,) = await manifest.holds()
        assert (hold.recording_id, hold.until_uptime_s) == (f"{2:032x}", 4000)


async def test_a_crash_on_the_way_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.db"
    made(path, OLDEST)

    def crash(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "_copy", crash)
        with pytest.raises(OSError, match="power"):
            async with opened(path):
                pass
    async with opened(path) as manifest:
        assert (await manifest.head()).seq == 3


async def test_a_database_of_a_later_version_is_set_aside(tmp_path: Path) -> None:
    """After a downgrade: what it knows cannot be read, so the files are listed anew."""
    path = tmp_path / "later.db"
    async with opened(path) as manifest:
        await manifest.set_note("schema", str(SCHEMA_VERSION + 1))
        before = manifest.epoch
    async with opened(path) as manifest:
        assert manifest.epoch != before
        assert manifest.rebuilt_because
    assert list(tmp_path.glob("later.db.corrupt-*"))
