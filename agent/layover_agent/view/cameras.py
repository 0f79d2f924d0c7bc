"""What `test-cameras` found, the worst first."""

import datetime as dt
from collections.abc import Iterator, Sequence

from layover_agent.camera_test import CameraTest
from layover_agent.core.units import spoken_age, spoken_bytes, spoken_seconds, spoken_time
from layover_agent.view.plain import WIDTH, cut, shown, wrapped


def cameras(tests: Sequence[CameraTest], now_ms: int, zone: dt.tzinfo = dt.UTC) -> str:
    """All of it as text, ending with a newline."""
    lines: list[str] = []
    many = len({test.source for test in tests}) > 1
    for test in tests:
        lines += [*_camera(test, now_ms, zone, many=many), ""]
    wrong = sum(bool(test.troubles) for test in tests)
    lines.append(f"{len(tests)} cameras, {wrong} with something wrong." if tests else "No cameras.")
    unseen = {test.not_looked for test in tests if test.not_looked}
    for why in sorted(unseen):
        lines += wrapped(f"Pictures were not looked at: {why}.", "")
    return "\n".join(lines) + "\n"


def _camera(test: CameraTest, now_ms: int, zone: dt.tzinfo, *, many: bool) -> Iterator[str]:
    name = shown(f"{test.source}/{test.camera}" if many else test.camera)
    word = test.troubles[0].severity.upper() if test.troubles else "ok"
    yield cut(f"{word:<9} {name}", WIDTH)
    if test.path:
        length = spoken_seconds(max(test.end_ms - test.start_ms, 0) // 1000)
        ended = f"ended {spoken_age(test.end_ms, now_ms)}"
        began = f"{spoken_time(test.start_ms, zone)} for {length}"
        parts = [began, ended, spoken_bytes(test.size_bytes)]
        if test.looks not in ("", "none"):
            parts.append(test.looks)
        if test.sound is not None:
            parts.append("sound" if test.sound else "no sound")
        yield from wrapped(", ".join(parts), "  ")
        yield cut(f"  {shown(test.path)}", WIDTH)
    for trouble in test.troubles:
        yield from wrapped(trouble.text, "    ", first="  ! ")
        yield from wrapped(trouble.remedy, "     ", first="  -> ")
    if test.still:
        yield cut(f"  saved {shown(test.still)}", WIDTH)
