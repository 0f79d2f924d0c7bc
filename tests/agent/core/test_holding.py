import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.holding import (
    LEAST_FREE_PERCENT,
    Method,
    Shape,
    Terms,
    choose,
    explained,
    growth_bytes,
    no_room_to_copy,
    over_limit,
    reserve_bytes,
    told,
    why_broken,
)

NO = {method: f"no {method}" for method in Method}
GB = 1 << 30


def but(*works: Method) -> dict[Method, str]:
    return {method: text for method, text in NO.items() if method not in works}


@pytest.mark.parametrize(
    ("case", "refusals", "unlinks", "reserve", "methods"),
    [
        ("all works", {}, True, True, "reflink link protect copy"),
        ("ext4, a recorder that unlinks", but(Method.LINK), True, False, "link"),
        ("ext4, one that may write over its files", but(Method.LINK), False, False, ""),
        ("XFS, one that may write over its files", but(Method.REFLINK), False, False, "reflink"),
        ("FAT with a reserve", but(Method.COPY), True, True, "copy"),
        ("FAT without a reserve", but(Method.COPY), True, False, ""),
        ("only the recorder can spare it", but(Method.PROTECT), False, False, "protect"),
        ("nothing works", NO, True, True, ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_the_best_method_that_works_comes_first(
    case: str, refusals: dict[Method, str], unlinks: bool, reserve: bool, methods: str
) -> None:
    choice = choose(refusals, deletes_by_unlink=unlinks, has_reserve=reserve)
    assert choice.methods == tuple(methods.split())
    assert bool(choice.refusal) == (not methods)


@given(
    st.dictionaries(st.sampled_from(list(Method)), st.text(max_size=5)),
    st.booleans(),
    st.booleans(),
)
def test_a_method_is_either_tried_or_refused_with_a_reason(
    refusals: dict[Method, str], unlinks: bool, reserve: bool
) -> None:
    choice = choose(refusals, deletes_by_unlink=unlinks, has_reserve=reserve)
    assert set(choice.methods) | set(choice.refusals) == set(Method)
    assert not set(choice.methods) & set(choice.refusals)
    assert all(choice.refusals.values())
    assert Method.LINK not in choice.methods or unlinks


def test_why_not_begins_with_what_is_easiest_to_set_right() -> None:
    assert told(NO).startswith("link: no link; copy: no copy; ")


@pytest.mark.parametrize(
    ("case", "method", "number", "hint"),
    [
        ("another file system", Method.LINK, errno.EXDEV, "set holds.folder"),
        ("a file of another user", Method.LINK, errno.EPERM, "the recorder's user"),
        ("a read-only mount", Method.LINK, errno.EROFS, "read-only"),
        ("FAT", Method.LINK, errno.EOPNOTSUPP, "FAT"),
        ("too many links", Method.LINK, errno.EMLINK, "as many links"),
        ("a full disk", Method.COPY, errno.ENOSPC, "free some room"),
        ("ext4 knows no reflink", Method.REFLINK, errno.EOPNOTSUPP, "XFS"),
        ("tmpfs knows no ioctl", Method.REFLINK, errno.ENOTTY, "XFS"),
        ("an immutable file", Method.REFLINK, errno.EPERM, "immutable"),
        ("4 GiB on FAT", Method.COPY, errno.EFBIG, "4 GiB"),
        ("something nobody thought of", Method.COPY, errno.ENXIO, "ENXIO"),
        ("no errno at all", Method.COPY, 0, "kernel's log"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_an_error_says_what_to_do(case: str, method: Method, number: int, hint: str) -> None:
    assert hint in explained(method, number)


@pytest.mark.parametrize(
    ("case", "count", "held", "more", "refusal"),
    [
        ("room for both", 9, 0, 10, ""),
        ("one too many", 10, 0, 10, "holds.max_count"),
        ("exactly the limit", 0, 190, 10, ""),
        ("a byte beyond", 0, 190, 11, "holds.max_percent"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_holds_are_bounded(case: str, count: int, held: int, more: int, refusal: str) -> None:
    terms = Terms(max_count=10, max_percent=20)
    why = over_limit(terms, 1000, count=count, held_bytes=held, more_bytes=more)
    assert refusal in why
    assert bool(why) == bool(refusal)


def test_a_copy_needs_room_in_the_reserve() -> None:
    terms = Terms(reserve_bytes=100, max_percent=50)
    assert no_room_to_copy(terms, 1000, cost_bytes=60, more_bytes=40) == ""
    assert "holds.reserve_bytes" in no_room_to_copy(terms, 1000, cost_bytes=61, more_bytes=40)
    assert "set holds.reserve_bytes" in no_room_to_copy(Terms(), 1000, cost_bytes=0, more_bytes=1)


SIZES = st.integers(0, 1000 * GB)


@given(SIZES, SIZES, SIZES, st.integers(1, 90))
def test_reserve_and_cost_together_never_move_the_recorders_free_space(
    granted: int, disk: int, cost: int, percent: int
) -> None:
    terms = Terms(reserve_bytes=granted, max_percent=percent)
    reserve = reserve_bytes(terms, disk, cost)
    together = reserve + cost
    assert 0 <= reserve <= min(granted, disk * percent // 100)
    assert together == reserve_bytes(terms, disk, 0) or reserve == 0


@given(SIZES, SIZES, SIZES, SIZES)
def test_the_reserve_never_grows_into_what_the_recorder_needs(
    target: int, size: int, free: int, disk: int
) -> None:
    more = growth_bytes(target, size, free, disk)
    assert 0 <= more <= max(target - size, 0)
    assert not more or free - more >= disk * LEAST_FREE_PERCENT // 100


WHOLE = Shape(100, 5)


@pytest.mark.parametrize(
    ("case", "found", "digests", "why"),
    [
        ("as promised", WHOLE, (b"a", b"a"), ""),
        ("not hashed yet", WHOLE, (None, b"a"), ""),
        ("no digest now", WHOLE, (b"a", None), ""),
        ("deleted under us", None, (None, None), "missing"),
        ("grown", Shape(101, 5), (None, None), "size"),
        ("cut short", Shape(0, 5), (None, None), "size"),
        ("written over", Shape(100, 6), (None, None), "written to"),
        ("written over with its time set back", WHOLE, (b"a", b"b"), "digest"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_breaks_a_hold(
    case: str, found: Shape | None, digests: tuple[bytes | None, bytes | None], why: str
) -> None:
    said = why_broken(WHOLE, found, *digests)
    assert why in said
    assert bool(said) == bool(why)
