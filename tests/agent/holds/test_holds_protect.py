"""A recorder that can spare a recording itself is asked to, where nothing better works."""

from pathlib import Path
from typing import ClassVar

import pytest
from agent.holds.conftest import OpenDen

from layover_agent.sources.template import TemplateSource
from layover_agent.wire.types import HoldState


class Sparing(TemplateSource):
    """Its recorder spares what is on a list."""

    spared: ClassVar[set[str]] = set()
    forbidden: ClassVar[bool] = False

    def protect(self, path: str) -> None:
        if self.forbidden:
            raise PermissionError(13, "no")
        self.spared.add(path)

    def unprotect(self, path: str) -> None:
        self.spared.discard(path)


class Forbidding(Sparing):
    forbidden = True


async def test_it_is_asked_and_told_when_it_is_over(open_den: OpenDen) -> None:
    Sparing.spared.clear()
    async with open_den(source_class=Sparing, deletes_by="") as den:
        row = await den.listed(path := den.record())
        hold = await den.holds.place(row, 600)
        if hold.method == "reflink":
            pytest.skip("this disk has reflinks, which are better")
        assert (hold.state, hold.method) == (HoldState.HELD, "protect")
        assert Sparing.spared == {row.path}
    async with open_den(source_class=Sparing, deletes_by="") as den:
        await den.holds.round()
        assert await den.holds.broken() == []
        assert (await den.holds.usage()).cost_bytes == 0
        assert den.left() == {f"{row.id}.json"}
        path.unlink()
        await den.scanner.scan()
        assert "missing" in (await den.holds.broken())[0].broken_why
        await den.holds.release(row.id)
        assert (Sparing.spared, den.left()) == (set(), set())


async def test_it_is_known_again_when_the_database_was_lost(
    open_den: OpenDen, tmp_path: Path
) -> None:
    Sparing.spared.clear()
    async with open_den(source_class=Sparing, deletes_by="") as den:
        row = await den.listed(den.record())
        if (await den.holds.place(row, 600)).method == "reflink":
            pytest.skip("this disk has reflinks, which are better")
    (tmp_path / "manifest.db").write_bytes(b"junk" * 1000)
    async with open_den(source_class=Sparing, deletes_by="") as den:
        assert await den.held_ids() == [row.id]
        await den.holds.release(row.id)
        assert (Sparing.spared, den.left()) == (set(), set())


async def test_a_recorder_that_does_not_let_us_is_told(open_den: OpenDen) -> None:
    async with open_den(source_class=Forbidding, deletes_by="") as den:
        hold = await den.holds.place(await den.listed(den.record()), 600)
        if hold.method == "reflink":
            pytest.skip("this disk has reflinks, which are better")
        assert hold.state is HoldState.NOT_POSSIBLE
        assert "protect: " in hold.reason
        assert den.left() == set()
