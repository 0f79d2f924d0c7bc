"""The recorder's ring on real files."""

from pathlib import Path

import pytest

from layover_sim.ring import Ring


def recorded(folder: Path, name: str, size_bytes: int = 100) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size_bytes))
    return file


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.glob("*/*/*.mp4"))


@pytest.mark.parametrize(
    ("max_bytes", "left"),
    [
        (0, ["a/d/1.mp4", "a/d/3.mp4", "b/d/2.mp4"]),
        (300, ["a/d/1.mp4", "a/d/3.mp4", "b/d/2.mp4"]),
        (299, ["a/d/3.mp4", "b/d/2.mp4"]),
        (100, ["a/d/3.mp4"]),
        (99, []),
    ],
    ids=["unlimited", "exactly full", "one byte over", "room for one", "room for none"],
)
def test_the_oldest_goes_first_whoever_filmed_it(
    tmp_path: Path, max_bytes: int, left: list[str]
) -> None:
    ring = Ring(tmp_path, max_bytes)
    for name in ("a/d/1.mp4", "b/d/2.mp4", "a/d/3.mp4"):
        ring.close(recorded(tmp_path, name))
    assert names(tmp_path) == left
    assert ring.size_bytes == 100 * len(left)


def test_a_restarted_recorder_takes_over_what_is_there_by_time(tmp_path: Path) -> None:
    recorded(tmp_path, "a/2026-07-14/00-00-00-000000.mp4")
    recorded(tmp_path, "b/2026-07-13/23-59-59-000000.mp4")
    recorded(tmp_path, "a/2026-07-14/00-00-01-000000.mp4")
    Ring(tmp_path, 200)
    assert names(tmp_path) == [
        "a/2026-07-14/00-00-00-000000.mp4",
        "a/2026-07-14/00-00-01-000000.mp4",
    ]


def test_a_recording_somebody_else_deleted_is_no_trouble(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 200)
    oldest = recorded(tmp_path, "a/d/1.mp4")
    ring.close(oldest)
    oldest.unlink()
    ring.close(recorded(tmp_path, "a/d/2.mp4"))
    ring.close(recorded(tmp_path, "a/d/3.mp4"))
    assert names(tmp_path) == ["a/d/2.mp4", "a/d/3.mp4"]
    assert ring.size_bytes == 200


def test_a_held_link_outlives_the_ring(tmp_path: Path) -> None:
    """The ring unlinks, so that another link to a recording keeps its bytes."""
    folder, held = tmp_path / "recordings", tmp_path / "held.mp4"
    ring = Ring(folder, 100)
    first = recorded(folder, "a/d/1.mp4")
    held.hardlink_to(first)
    ring.close(first)
    ring.close(recorded(folder, "a/d/2.mp4"))
    assert not first.exists()
    assert held.read_bytes() == bytes(100)
