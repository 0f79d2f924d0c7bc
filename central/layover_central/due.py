"""What has to be looked at again soon: many small events become one look."""

import asyncio
from collections.abc import Iterable


class Due:
    """Requests to review, named by themselves or by a transfer that they share."""

    def __init__(self) -> None:
        self._requests: set[int] = set()
        self._transfers: set[int] = set()
        self._any = asyncio.Event()

    def requests(self, ids: Iterable[int]) -> None:
        self._requests.update(ids)
        self._any.set()

    def transfers(self, ids: Iterable[int]) -> None:
        self._transfers.update(ids)
        self._any.set()

    async def taken(self) -> tuple[set[int], set[int]]:
        """Request ids and transfer ids, once there are any; from then on they are the caller's."""
        await self._any.wait()
        self._any.clear()
        found = self._requests, self._transfers
        self._requests, self._transfers = set(), set()
        return found
