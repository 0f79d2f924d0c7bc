from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.resume import (
    MAX_BAD_CHUNKS,
    ByteSpan,
    Resume,
    Verdict,
    chunk_failed,
    judge_head,
    next_span,
    received,
    to_chunk_end,
)
from layover_central.errors import Kind

# -- a recording of 25 bytes in chunks of 10

STANDS = {
    "nothing yet": (0, 100, (0, 24), 10, 0, Verdict.GO_ON),
    "nothing yet, a short span": (0, 4, (0, 3), 10, 0, Verdict.GO_ON),
    "no allowance still asks for a byte": (0, 0, (0, 0), 10, 0, Verdict.GO_ON),
    "inside a chunk": (7, 100, (7, 24), 3, 0, Verdict.GO_ON),
    "at a chunk's end": (10, 100, (10, 24), 10, 10, Verdict.GO_ON),
    "inside the short last chunk": (21, 100, (21, 24), 4, 20, Verdict.GO_ON),
    "the last byte is missing": (24, 100, (24, 24), 1, 20, Verdict.GO_ON),
    "all is here": (25, 100, None, 0, 25, Verdict.COMPLETE),
}


@pytest.mark.parametrize(
    ("have", "max_bytes", "span", "chunk_left", "verified", "verdict"), STANDS.values(), ids=STANDS
)
def test_where_a_transfer_stands(
    have: int,
    max_bytes: int,
    span: tuple[int, int] | None,
    chunk_left: int,
    verified: int,
    verdict: Verdict,
) -> None:
    resume = Resume(25, 10, have)
    assert next_span(resume, max_bytes) == (None if span is None else ByteSpan(*span))
    assert to_chunk_end(resume) == chunk_left
    assert resume.verified_bytes == verified
    assert resume.verdict is verdict


def test_an_empty_recording_is_complete_at_once() -> None:
    empty = Resume(0, 10)
    assert empty.verdict is Verdict.COMPLETE
    assert next_span(empty, 100) is None
    assert (empty.verified_bytes, to_chunk_end(empty)) == (0, 0)


def test_a_bad_chunk_costs_that_chunk_only() -> None:
    assert chunk_failed(Resume(25, 10, 20), 1).have_bytes == 10
    assert chunk_failed(Resume(25, 10, 25), 2).have_bytes == 20


def test_the_same_chunk_wrong_time_and_again_is_damage() -> None:
    resume = Resume(25, 10, 20)
    for _ in range(MAX_BAD_CHUNKS - 1):
        resume = received(chunk_failed(resume, 1), 10)
        assert resume.verdict is Verdict.GO_ON
    assert chunk_failed(resume, 1).verdict is Verdict.DAMAGED


def test_another_bad_chunk_counts_anew() -> None:
    resume = Resume(25, 10, 10)
    for _ in range(MAX_BAD_CHUNKS - 1):
        resume = received(chunk_failed(resume, 0), 10)
    resume = chunk_failed(received(resume, 10), 1)
    assert (resume.bad_chunk, resume.bad_count, resume.verdict) == (1, 1, Verdict.GO_ON)


@given(
    size=st.integers(0, 400),
    chunk=st.integers(1, 64),
    events=st.lists(
        st.tuples(st.integers(0, 120), st.integers(0, 120), st.booleans()), max_size=40
    ),
)
def test_any_sequence_of_answers_cuts_and_bad_chunks(
    size: int, chunk: int, events: list[tuple[int, int, bool]]
) -> None:
    """Each event: how much is asked for, after how much of it the link is cut, and whether the
    first chunk that this completes is bad."""
    resume = Resume(size, chunk)
    fetched = [0] * size
    excused = [0] * size
    for max_bytes, cut_after, bad in events:
        before = resume
        span = next_span(resume, max_bytes)
        if span is None:
            assert resume.verdict in {Verdict.COMPLETE, Verdict.DAMAGED}
            break
        assert 0 <= span.first <= span.last < size
        assert span.length <= max(max_bytes, 1)
        left = min(span.length, cut_after)
        while left:
            length = min(left, to_chunk_end(resume))
            assert length > 0
            for byte in range(resume.have_bytes, resume.have_bytes + length):
                fetched[byte] += 1
            ends_chunk = length == to_chunk_end(resume)
            index = resume.have_bytes // chunk
            resume = received(resume, length)
            left -= length
            if ends_chunk and bad:
                for byte in range(index * chunk, resume.have_bytes):
                    excused[byte] += 1
                resume = chunk_failed(resume, index)
                break
        assert resume.verified_bytes <= resume.have_bytes <= size
        assert resume.verified_bytes >= before.verified_bytes
        assert resume.have_bytes - resume.verified_bytes < chunk
    assert all(f - e <= 1 for f, e in zip(fetched, excused, strict=True))
    assert (resume.have_bytes == size) == all(
        f - e == 1 for f, e in zip(fetched, excused, strict=True)
    )


# -- the head of an answer: bytes 10 to 19 of 100

ASKED = ByteSpan(10, 19)
ETAG = '"abc"'
GOOD = {"content-range": "bytes 10-19/100", "content-length": "10", "etag": ETAG}


def test_the_exact_answer_is_taken() -> None:
    assert judge_head(ASKED, 100, ETAG, 206, GOOD) is None


def test_headers_that_do_not_matter_do_not_matter() -> None:
    assert (
        judge_head(ASKED, 100, ETAG, 206, GOOD | {"server": "x", "accept-ranges": "none"}) is None
    )


def test_the_whole_may_come_as_the_whole() -> None:
    whole = {"content-length": "100", "etag": ETAG}
    assert judge_head(ByteSpan(0, 99), 100, ETAG, 200, whole) is None


MUTATED: dict[str, tuple[int, dict[str, str | None], Kind]] = {
    "the whole where a part was asked": (200, {}, Kind.MALFORMED),
    "no content": (204, {}, Kind.MALFORMED),
    "a redirect": (302, {}, Kind.MALFORMED),
    "not modified": (304, {}, Kind.MALFORMED),
    "one byte early": (206, {"content-range": "bytes 9-19/100"}, Kind.MALFORMED),
    "one byte late": (206, {"content-range": "bytes 10-20/100"}, Kind.MALFORMED),
    "one byte less": (206, {"content-range": "bytes 10-18/100"}, Kind.MALFORMED),
    "another size": (206, {"content-range": "bytes 10-19/101"}, Kind.MALFORMED),
    "no size": (206, {"content-range": "bytes 10-19/*"}, Kind.MALFORMED),
    "another unit": (206, {"content-range": "items 10-19/100"}, Kind.MALFORMED),
    "two ranges at once": (206, {"content-range": None}, Kind.MALFORMED),
    "the range twice": (
        206,
        {"content-range": "bytes 10-19/100, bytes 10-19/100"},
        Kind.MALFORMED,
    ),
    "no length": (206, {"content-length": None}, Kind.MALFORMED),
    "a longer body": (206, {"content-length": "11"}, Kind.MALFORMED),
    "a shorter body": (206, {"content-length": "9"}, Kind.MALFORMED),
    "the size as length": (206, {"content-length": "100"}, Kind.MALFORMED),
    "two lengths": (206, {"content-length": "10, 10"}, Kind.MALFORMED),
    "a negative length": (206, {"content-length": "-10"}, Kind.MALFORMED),
    "compressed": (206, {"content-encoding": "gzip"}, Kind.MALFORMED),
    "chunked": (206, {"transfer-encoding": "chunked"}, Kind.MALFORMED),
    "another representation": (206, {"etag": '"abd"'}, Kind.CHANGED),
    "no representation": (206, {"etag": None}, Kind.CHANGED),
    "only weakly the same": (206, {"etag": 'W/"abc"'}, Kind.CHANGED),
    "the tag without quotes": (206, {"etag": "abc"}, Kind.CHANGED),
}


@pytest.mark.parametrize(("status", "changes", "kind"), MUTATED.values(), ids=MUTATED)
def test_refused(status: int, changes: dict[str, str | None], kind: Kind) -> None:
    headers = {k: v for k, v in (GOOD | changes).items() if v is not None}
    found = judge_head(ASKED, 100, ETAG, status, headers)
    assert found is not None
    assert found[0] is kind
    assert found[1]


@given(st.sampled_from(sorted(GOOD)), st.text(st.characters(max_codepoint=127), max_size=24))
def test_every_other_value_of_a_header_that_matters_is_refused(name: str, value: str) -> None:
    answer = judge_head(ASKED, 100, ETAG, 206, GOOD | {name: value})
    assert (answer is None) == (value == GOOD[name])


@given(
    st.integers(1, 1 << 40).flatmap(
        lambda size: st.tuples(
            st.just(size), st.integers(0, size - 1), st.integers(0, size - 1), st.integers(100, 599)
        )
    )
)
def test_only_206_or_a_wanted_200_is_taken(case: tuple[int, int, int, int]) -> None:
    size, a, b, status = case
    asked = ByteSpan(min(a, b), max(a, b))
    headers = {
        "content-range": f"bytes {asked.first}-{asked.last}/{size}",
        "content-length": str(asked.length),
        "etag": ETAG,
    }
    taken = judge_head(asked, size, ETAG, status, headers) is None
    assert taken == (status == 206 or (status == 200 and asked.length == size))


def test_a_resume_is_a_value() -> None:
    resume = Resume(25, 10, 7)
    received(resume, 3)
    chunk_failed(resume, 0)
    assert resume == replace(resume, have_bytes=7)
