"""The archive's files: what is trusted after a crash, and when a recording is here for good."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from central.archive.conftest import CHUNK_BYTES, PLACE, content, digests_of, part_file
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_central.archive.files import Archive
from layover_central.errors import Kind, LayoverError

DATA = content(4500)
"""Four whole chunks and half a one."""
DIGESTS = digests_of(DATA)


def recovered(archive: Archive, there: bytes | None) -> tuple[int, bytes]:
    """What ``recover`` trusts of a part file with these bytes, and what it leaves of them."""
    path = part_file(archive)
    if there is not None:
        path.write_bytes(there)
    part = archive.part(1)
    have = part.recover(DIGESTS)
    part.close()
    return have, path.read_bytes()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


RECOVERED = {
    "nothing yet": (None, 0),
    "an empty part": (b"", 0),
    "a tail of the first chunk, not yet to be judged": (DATA[:999], 999),
    "one whole chunk": (DATA[:1000], 1000),
    "two chunks and a torn tail": (DATA[:2345], 2345),
    "all but the last byte": (DATA[:-1], 4499),
    "everything": (DATA, 4500),
    "everything and more behind it": (DATA + b"more", 4500),
    "a bit flipped in the first chunk": (flipped(DATA, 0), 0),
    "a bit flipped in chunk 2": (flipped(DATA, 2999), 2000),
    "a bit flipped in the last, short chunk": (flipped(DATA, 4499), 4000),
    "a bit flipped in chunk 2, nothing behind it": (flipped(DATA[:3000], 2000), 2000),
    "noughts where a crash left a hole": (DATA[:1000] + bytes(2000), 1000),
    "another recording altogether": (content(4500, seed=2), 0),
}


@pytest.mark.parametrize(("there", "have"), RECOVERED.values(), ids=RECOVERED.keys())
def test_recover_trusts_what_the_digests_vouch_for(
    archive: Archive, there: bytes | None, have: int
) -> None:
    found, left = recovered(archive, there)
    assert found == have
    assert left == (there or b"")[:have]


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(0, len(DATA)),
    flips=st.sets(st.integers(0, len(DATA) - 1), max_size=3),
)
def test_no_whole_chunk_that_is_trusted_is_wrong(
    tmp_path_factory: pytest.TempPathFactory, length: int, flips: set[int]
) -> None:
    there = DATA
    for at in flips:
        there = flipped(there, at)
    have, left = recovered(Archive(tmp_path_factory.mktemp("archive")), there[:length])
    judged = have if have == len(DATA) else have - have % CHUNK_BYTES
    assert left[:judged] == DATA[:judged]
    first_bad = min((at for at in flips if at < length), default=length)
    assert have >= first_bad - first_bad % CHUNK_BYTES


def test_an_empty_recording_is_whole_from_the_beginning(archive: Archive) -> None:
    part = archive.part(1)
    assert part.recover(digests_of(b"")) == 0
    path = part.commit(PLACE, digests_of(b""))
    assert archive.locate(path).read_bytes() == b""


def test_a_recording_moves_to_its_place_whole(archive: Archive) -> None:
    part = archive.part(1)
    part.recover(DIGESTS)
    part.write(0, DATA[:1700])
    part.write(1700, DATA[1700:])
    assert [part.chunk_is_good(DIGESTS, n) for n in range(5)] == [True] * 5
    path = part.commit(PLACE, DIGESTS)
    assert path == "/".join(PLACE)
    assert archive.locate(path).read_bytes() == DATA
    assert not part_file(archive).exists()
    assert list(archive.folder.rglob("*.part")) == []


def test_what_was_written_goes_on_after_a_restart(archive: Archive) -> None:
    first = archive.part(1)
    first.recover(DIGESTS)
    first.write(0, DATA[:2345])
    first.close()
    second = archive.part(1)
    have = second.recover(DIGESTS)
    second.write(have, DATA[have:])
    second.commit(PLACE, DIGESTS)
    assert archive.locate("/".join(PLACE)).read_bytes() == DATA


def test_a_bad_chunk_is_cut_off_and_written_again(archive: Archive) -> None:
    part = archive.part(1)
    part.recover(DIGESTS)
    part.write(0, flipped(DATA, 1500))
    assert not part.chunk_is_good(DIGESTS, 1)
    part.truncate(1000)
    assert part_file(archive).stat().st_size == 1000
    part.write(1000, DATA[1000:])
    part.commit(PLACE, DIGESTS)


NOT_WHOLE = {
    "a flipped bit": flipped(DATA, 4499),
    "a byte too few": DATA[:-1],
    "a byte too many": DATA + b"!",
    "nothing": b"",
}


@pytest.mark.parametrize("there", NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_what_is_not_the_signed_recording_gets_no_name(archive: Archive, there: bytes) -> None:
    part = archive.part(1)
    part.recover(DIGESTS)
    part.write(0, there)
    with pytest.raises(LayoverError) as caught:
        part.commit(PLACE, DIGESTS)
    part.close()
    assert caught.value.kind is Kind.DAMAGED
    assert not archive.folder.joinpath(*PLACE).exists()
    assert part_file(archive).read_bytes() == there


def committed(archive: Archive, data: bytes, transfer_id: int = 1) -> str:
    part = archive.part(transfer_id)
    part.recover(digests_of(data))
    part.write(0, data)
    try:
        return part.commit(PLACE, digests_of(data))
    finally:
        part.close()


def test_the_same_bytes_at_the_same_place_are_the_recording_already(archive: Archive) -> None:
    committed(archive, DATA)
    assert committed(archive, DATA, transfer_id=2) == "/".join(PLACE)
    assert not part_file(archive, 2).exists()


def test_another_file_at_the_same_place_is_a_conflict_and_both_stay(archive: Archive) -> None:
    other = content(4500, seed=2)
    committed(archive, other)
    with pytest.raises(LayoverError) as caught:
        committed(archive, DATA, transfer_id=2)
    assert caught.value.kind is Kind.CONFLICT
    assert archive.folder.joinpath(*PLACE).read_bytes() == other
    assert part_file(archive, 2).read_bytes() == DATA


def test_a_link_at_the_place_is_not_followed_out_of_the_archive(
    archive: Archive, tmp_path: Path
) -> None:
    target = archive.folder.joinpath(*PLACE)
    target.parent.mkdir(parents=True)
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LayoverError) as caught:
        committed(archive, DATA)
    assert caught.value.kind is Kind.CONFLICT
    assert not (tmp_path / "elsewhere").exists()
    assert part_file(archive).read_bytes() == DATA


def test_a_folder_in_the_place_of_the_file_is_a_conflict(archive: Archive) -> None:
    archive.folder.joinpath(*PLACE).mkdir(parents=True)
    with pytest.raises(LayoverError) as caught:
        committed(archive, DATA)
    assert caught.value.kind is Kind.CONFLICT
    assert part_file(archive).read_bytes() == DATA


ALREADY = {
    "the recording itself": (DATA, True),
    "nothing": (None, False),
    "half of it": (DATA[:2000], False),
    "other bytes of the same size": (flipped(DATA, 7), False),
}


@pytest.mark.parametrize(("there", "is_here"), ALREADY.values(), ids=ALREADY.keys())
def test_already(archive: Archive, there: bytes | None, is_here: bool) -> None:
    target = archive.folder.joinpath(*PLACE)
    if there is not None:
        target.parent.mkdir(parents=True)
        target.write_bytes(there)
    assert archive.already(PLACE, DIGESTS) == ("/".join(PLACE) if is_here else None)


def test_parts_that_nobody_wants_are_removed_and_nothing_else(archive: Archive) -> None:
    for transfer_id in (1, 2, 30):
        part_file(archive, transfer_id).write_bytes(b"x")
    note = part_file(archive).with_name("notes.part")
    note.write_bytes(b"a person's own")
    committed(archive, DATA, transfer_id=4)
    assert archive.discard_strangers({2}) == 2
    assert sorted(p.name for p in note.parent.iterdir()) == ["2.part", "notes.part"]
    assert archive.folder.joinpath(*PLACE).exists()


def test_discarding_a_part_twice_is_no_failure(archive: Archive) -> None:
    part = archive.part(1)
    part.recover(DIGESTS)
    part.discard()
    part.discard()
    assert not part_file(archive).exists()


OUTSIDE = ["../secret", "a/../../secret", "/etc/hostname", "missing.mp4", ".", "", "link"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_archive_is_located(archive: Archive, path: str) -> None:
    secret = archive.folder.parent / "secret"
    secret.write_text("secret")
    (archive.folder / "link").symlink_to(secret)
    with pytest.raises(LayoverError) as caught:
        archive.locate(path)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_part_that_cannot_be_opened_is_a_storage_failure(archive: Archive) -> None:
    part_file(archive).mkdir()
    with pytest.raises(LayoverError) as caught:
        archive.part(1).recover(DIGESTS)
    assert caught.value.kind is Kind.STORAGE


def test_chunks_larger_than_memory_should_be_are_not_asked_for(archive: Archive) -> None:
    """The chunk size is the site's word; only bytes that are there are read."""
    huge = replace(DIGESTS, chunk_bytes=1 << 62, chunks=[hashlib.sha256(DATA).digest()])
    part_file(archive).write_bytes(DATA)
    part = archive.part(1)
    assert part.recover(huge) == len(DATA)
    part.close()


def test_descriptors_are_given_back(archive: Archive) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        part = archive.part(1)
        part.recover(DIGESTS)
        part.recover(DIGESTS)
        part.close()
    assert len(os.listdir("/proc/self/fd")) == before
