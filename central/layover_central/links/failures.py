"""Whatever goes wrong between central and a site, as one of our own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx

from layover_agent.wire.codec import MAX_MESSAGE_BYTES, MalformedMessage, decode
from layover_agent.wire.problem import Problem, Reason
from layover_central.errors import Kind, LayoverError

_KIND_OF = {
    Reason.GONE: Kind.GONE,
    Reason.NOT_FOUND: Kind.GONE,
    Reason.CHANGED: Kind.CHANGED,
    Reason.BAD_RANGE: Kind.CHANGED,
    Reason.TOO_BUSY: Kind.STALLED,
    Reason.STILL_RECORDING: Kind.STALLED,
}


_CUT_SHORT = (
    "Server disconnected without sending a response",
    "peer closed connection without sending complete message body",
)
"""How httpcore and h11 begin to tell of an early end, which they do not keep apart by type."""


async def bounded(response: httpx.Response) -> bytes:
    data = bytearray()
    async for part in response.aiter_raw():
        data += part
        if len(data) > MAX_MESSAGE_BYTES:
            raise LayoverError(
                Kind.MALFORMED, f"the site's answer is longer than {MAX_MESSAGE_BYTES} bytes"
            )
    return bytes(data)


def refusal(status: int, body: bytes) -> LayoverError:
    try:
        told = decode(Problem, body)
    except MalformedMessage:
        return LayoverError(Kind.MALFORMED, f"the site answers with status {status}")
    kind = Kind.REFUSED
    if told.code in set(Reason):
        kind = _KIND_OF.get(Reason(told.code), Kind.REFUSED)
    return LayoverError(kind, f"the site says: {told.detail or told.title}", told.hint)


@contextmanager
def failures() -> Iterator[None]:
    """Whatever httpcore, httpx or the codec raise, as one of ours."""
    try:
        yield
    except MalformedMessage as error:
        raise LayoverError(Kind.MALFORMED, str(error)) from error
    except (httpcore.ReadTimeout, httpcore.WriteTimeout, httpcore.PoolTimeout) as error:
        raise LayoverError(Kind.STALLED, str(error) or "no answer in time") from error
    except (httpcore.RemoteProtocolError, httpcore.LocalProtocolError) as error:
        kind = Kind.UNREACHABLE if str(error).startswith(_CUT_SHORT) else Kind.MALFORMED
        raise LayoverError(kind, str(error)) from error
    except (
        httpcore.NetworkError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
        httpx.HTTPError,
        httpx.InvalidURL,
    ) as error:
        raise LayoverError(Kind.UNREACHABLE, str(error) or type(error).__name__) from error
