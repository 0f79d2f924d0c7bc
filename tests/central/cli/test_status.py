from typing import Any

import pytest
from central.cli.conftest import NOW_MS, Fleet, Run

from layover_central import __version__
from layover_central.core.expiry import Expiry
from layover_central.core.warnings import Chance, Level, Outlook
from layover_central.live import FaultLive
from layover_central.store import sites, warnings
from layover_central.store.transfers import TransferState

SPAN = ("--from", "11:00", "--to", "+3m")
RISK = Outlook(
    Chance.AT_RISK, Level.WARN, "may be overwritten before the site is expected", "come sooner"
)


def test_the_status_counts(good: Run, bus: str, fleet: Fleet) -> None:
    good("request", bus, "--camera", "front", *SPAN)
    fleet.becomes(1, TransferState.COMPLETE, count=2)
    status = good("status", "--json").document
    assert (status["version"], status["sites"]["total"]) == (__version__, 1)
    assert status["archive"]["recordings"] == 2
    out = good("status").out
    assert __version__ in out
    assert "1 queued" in out
    assert "2 recordings" in out


def test_an_empty_central_has_a_status(good: Run) -> None:
    assert "requests: none" in good("status").out


def test_a_fault_is_told_with_its_remedy(good: Run, fleet: Fleet) -> None:
    fault = FaultLive("no-space", NOW_MS, "the archive is full", "free space")
    fleet.central.live.faults["no-space"] = fault
    out = good("status").out
    assert "the archive is full" in out
    assert "free space" in out


@pytest.fixture
def risk(good: Run, bus: str, fleet: Fleet) -> str:
    """Request 1 is at risk at the bus."""
    good("request", bus, *SPAN)

    async def work() -> None:
        async with fleet.central.store.begin() as connection:
            site = await sites.labelled(connection, bus)
            expiry = Expiry(NOW_MS + 60_000, NOW_MS + 120_000, NOW_MS + 180_000)
            await warnings.raise_or_update(
                connection, 1, site.id, RISK, expiry, NOW_MS + 90_000, NOW_MS
            )
            fleet.central.live.outlooks[(1, site.id)] = RISK

    fleet.do(work())
    return bus


def test_no_warnings_is_good_news(good: Run) -> None:
    assert good("warnings", "--json").document == []
    assert "No warnings" in good("warnings").out


def test_a_warning_says_when_why_and_what_helps(good: Run, risk: str) -> None:
    (warning,) = good("warnings", "--json").document
    assert (warning["site"], warning["request"], warning["level"]) == (risk, 1, "warn")
    out = " ".join(good("warnings").out.split())
    for words in (RISK.why, RISK.remedy, "2026-11-21 12:01:00+01:00", "2026-11-21 12:02:00+01:00"):
        assert words in out


def test_an_outlook_is_shown_with_what_helps(good: Run, risk: str) -> None:
    assert (
        RISK.why in good("requests", "--site", risk).out or "not in reach" in good("requests").out
    )
    out = good("show", 1).out
    assert RISK.why in out
    assert RISK.remedy in out


def test_ended_warnings_are_shown_on_demand(good: Run, risk: str) -> None:
    good("stop", 1)
    assert good("warnings", "--json").document == []
    found: Any = good("warnings", "--all", "--json").document
    assert [w["outcome"] for w in found] == ["stopped"]
    assert "stopped" in good("warnings", "--all").out
