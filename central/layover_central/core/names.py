"""File names in the archive: the one place where hostile text becomes a path."""

import datetime as dt
import hashlib
import re
import unicodedata

MAX_BYTES = 100
_FORBIDDEN = set('/\\:*?"<>|~')
_RESERVED = (
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"com{n}" for n in "123456789¹²³"}
    | {f"lpt{n}" for n in "123456789¹²³"}
)
_PLAIN_ID = re.compile(r"[0-9a-z]{8,}", re.ASCII)
_EXTENSIONS = {
    "mp4": "mp4",
    "ts": "ts",
    "mkv": "mkv",
    "avi": "avi",
    "mov": "mov",
    "m4s": "m4s",
    "hevc": "hevc",
}


def safe_name(text: str) -> str:
    """Any text as one component of a path, on any file system, FAT among them.

    A name that is safe stays as it is. Any other loses what is unsafe and gains ``~`` and a
    digest of the original, so that different originals never meet. ``~`` itself counts as
    unsafe, so nobody can name the result of another. Names that differ only in case are kept
    apart by the digest too, wherever a capital letter stands.
    """
    normal = unicodedata.normalize("NFC", text)
    kept = "".join(c for c in normal if c not in _FORBIDDEN and _readable(c))
    kept = unicodedata.normalize("NFC", kept.casefold()).strip(" .")
    if kept.partition(".")[0].rstrip(" ") in _RESERVED:
        kept = f"_{kept}"
    if kept == text and 0 < len(kept.encode()) <= MAX_BYTES:
        return kept
    digest = _digest8(text)
    short = kept.encode()[: MAX_BYTES - 9].decode("utf-8", "ignore").rstrip(" .")
    return f"{short}~{digest}"


def _readable(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ" or character == " "


def archive_path(
    site: str, camera: str, start_ms: int, end_ms: int, recording_id: str, container: str
) -> tuple[str, ...]:
    """Where a recording lies: ``site/camera/date/start--end-id.ext``, all in UTC.

    Eight digits of the recording's id keep two recordings of the same second apart. The id is
    the site's word: one that is not plain gives way to its digest.
    """
    start, end = _utc(start_ms), _utc(end_ms)
    extension = _EXTENSIONS.get(container, "bin")
    id8 = recording_id[:8] if _PLAIN_ID.fullmatch(recording_id) else _digest8(recording_id)
    name = f"{_stamp(start)}--{_stamp(end)}-{id8}.{extension}"
    return safe_name(site), safe_name(camera), start.date().isoformat(), name


def _digest8(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _stamp(moment: dt.datetime) -> str:
    return f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}Z"


def _utc(ms: int) -> dt.datetime:
    """A moment; one that no calendar holds is shown as the nearest that one does."""
    bounded = min(max(ms, -62_135_596_800_000), 253_402_300_799_000)
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=bounded)
