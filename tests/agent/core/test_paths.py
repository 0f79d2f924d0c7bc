import pytest

from layover_agent.core.paths import UnsafePath, inside


@pytest.mark.parametrize(
    "path", ["a", "a/b.mp4", "..a/b..", "a b/ü.mp4", "b\udcffs/x", "...", "a\\b"]
)
def test_paths_that_stay_inside_are_unchanged(path: str) -> None:
    assert inside(path) == path


@pytest.mark.parametrize(
    "path", ["", "/", "/etc/passwd", "..", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "a\0b"]
)
def test_paths_that_leave_are_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        inside(path)
