from typing import Any

import pytest

from layover_central.cli.request_view import cause
from layover_central.core.requests import Fate

COMING = {"error": "", "waits": "", "rate_bps": 8_000_000, "held": False}


@pytest.mark.parametrize("fate", [fate for fate in Fate if fate is not Fate.SAVED])
def test_every_fate_but_saved_has_a_cause(fate: Fate) -> None:
    assert cause({"fate": str(fate)}, None, "bus-217 not in reach")


@pytest.mark.parametrize(
    ("transfer", "said"),
    [
        pytest.param(None, "not in reach", id="not found yet"),
        pytest.param(COMING, "coming at 8.0 Mbit/s", id="moving"),
        pytest.param(COMING | {"rate_bps": 0}, "not in reach", id="its site is away"),
        pytest.param(
            COMING | {"rate_bps": 0, "held": True}, "held at the site; not in reach", id="held"
        ),
        pytest.param(
            COMING | {"waits": "the window is closed"}, "the window is closed", id="waits"
        ),
        pytest.param(COMING | {"error": "cut"}, "cut", id="failed"),
    ],
)
def test_a_pending_stretch_says_what_it_waits_for(transfer: Any, said: str) -> None:
    assert cause({"fate": "pending"}, transfer, "not in reach") == said


def test_what_is_saved_needs_no_cause() -> None:
    assert cause({"fate": "saved"}, COMING, "") == ""
