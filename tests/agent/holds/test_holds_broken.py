"""A promise that is not kept is told at once, with why and since when, and stops no other."""

import os

import pytest
from agent.holds.conftest import Den, OpenDen
from agent.kit import touch_at

from layover_agent.errors import AgentError
from layover_agent.holds import holds as rounds
from layover_agent.wire.types import HoldState, SignedStatement

STATEMENT = SignedStatement(payload=b"p", signature=b"s")


async def held(den: Den, start: str = "10-00-00", data: bytes = b"a" * 9000) -> tuple:  # type: ignore[type-arg]
    row = await den.listed(path := den.record(start, data))
    assert (await den.holds.place(row, 600)).state is HoldState.HELD
    return await den.row(row.id), path


@pytest.mark.parametrize("how", ["written over", "grown", "cut short"])
async def test_a_recorder_that_writes_over_a_held_file_is_told_at_the_next_look(
    den: Den, how: str
) -> None:
    row, path = await held(den)
    other, _ = await held(den, "10-10-00", b"b" * 9000)
    with path.open("r+b") as file:
        if how == "cut short":
            file.truncate(100)
        else:
            file.seek(0, os.SEEK_END if how == "grown" else os.SEEK_SET)
            file.write(b"new")
    touch_at(path, den.clock.wall - 60_000)
    if den.files.held_path(row.id).stat().st_ino != path.stat().st_ino:
        pytest.skip("a reflink: nobody can write over it")
    den.clock.pass_s(30)
    await den.scanner.scan()
    (broken,) = await den.holds.broken()
    assert (broken.recording_id, broken.broken_ms) == (row.id, den.clock.wall)
    assert "writes over" in broken.broken_why
    assert (await den.holds.usage()).broken == 1
    den.clock.pass_s(60)
    answer = await den.holds.place(await den.row(row.id), 600)
    assert (answer.state, answer.lease_s) == (HoldState.BROKEN, 0)
    assert answer.broken_since_ms == broken.broken_ms
    assert (await den.holds.place(other, 600)).state is HoldState.HELD
    with pytest.raises(AgentError):
        den.files.open(await den.row(row.id))


async def test_a_round_finds_what_no_scan_saw(den: Den) -> None:
    row, path = await held(den)
    path.unlink()
    await den.scanner.scan()
    den.files.held_path(row.id).write_bytes(b"other")
    await den.holds.round()
    assert [hold.recording_id for hold in await den.holds.broken()] == [row.id]


async def test_rounds_look_at_every_hold_in_turn(den: Den, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LOOKED_AT", 2)
    ids = []
    for minute in range(10, 15):
        row, path = await held(den, f"10-{minute}-00", bytes([minute]) * 9000)
        path.unlink()
        ids.append(row.id)
    await den.scanner.scan()
    for recording_id in ids:
        den.files.held_path(recording_id).write_bytes(b"other")
    for _ in range(4):
        await den.holds.round()
    assert len(await den.holds.broken()) == 5


async def test_a_link_that_somebody_deleted_is_placed_anew_while_the_original_is_whole(
    den: Den,
) -> None:
    row, path = await held(den)
    den.files.held_path(row.id).unlink()
    await den.holds.round()
    assert len(await den.holds.broken()) == 1
    assert (await den.holds.place(row, 600)).state is HoldState.HELD
    assert await den.holds.broken() == []
    path.unlink()
    await den.scanner.scan()
    assert await den.bytes_of(row.id) == b"a" * 9000


async def test_bytes_written_behind_a_time_that_was_set_back_are_told_by_their_digest(
    den: Den,
) -> None:
    row, _ = await held(den)
    await den.manifest.set_statement(row, b"before", STATEMENT)
    await den.holds.round()
    assert await den.holds.broken() == []
    await den.manifest.set_statement(row, b"after", STATEMENT)
    await den.holds.round()
    (broken,) = await den.holds.broken()
    assert "digest" in broken.broken_why
    assert broken.sha256 == b"before"


async def test_since_when_survives_a_restart(open_den: OpenDen) -> None:
    async with open_den() as den:
        row, path = await held(den)
        path.unlink()
        await den.scanner.scan()
        den.files.held_path(row.id).write_bytes(b"other")
        await den.holds.round()
        (before,) = await den.holds.broken()
    async with open_den() as den:
        den.clock.pass_s(100)
        await den.holds.round()
        assert await den.holds.broken() == [before]


async def test_the_change_time_alone_breaks_nothing(den: Den) -> None:
    row, path = await held(den)
    path.chmod(0o600)
    (path.parent / "another-name").hardlink_to(path)
    await den.holds.round()
    assert await den.holds.broken() == []
    assert (await den.holds.place(row, 600)).state is HoldState.HELD


async def test_usage_looks_at_no_held_file(den: Den, monkeypatch: pytest.MonkeyPatch) -> None:
    row, _ = await held(den)
    await den.holds.usage()
    looks: list[str] = []
    monkeypatch.setattr(den.holds._shelf, "shape", lambda i: looks.append(i))
    usage = await den.holds.usage()
    assert (usage.count, usage.size_bytes, usage.cost_bytes, looks) == (1, row.size_bytes, 0, [])
