"""Writing down what a box keeps over a restart: soon what was told, seldom what is only counted, all of it at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from sunbox.core.wallbox import Notebook
from sunbox.errors import SunboxError

log = structlog.get_logger(__name__)

KEEPS_S = 5.0
"""What was told is written down so soon, and not more often."""
COUNTS_S = 60.0
"""What is only counted is written down so often: the memory of a small machine wears out."""

Document = Mapping[str, Any]


class Keeper:
    """Keeps the document of one box in a notebook."""

    def __init__(
        self,
        notebook: Notebook | None,
        document: Callable[[], Document],
        is_worth_keeping_soon: Callable[[Document, Document], bool],
        **about: str,
    ) -> None:
        """Begin with nothing written.

        Args:
            notebook: where it is kept; None = nowhere.
            document: makes what is to be kept now.
            is_worth_keeping_soon: tells by the old and the new one whether more than counters differ.
            about: whose it is, for the log.
        """
        self._notebook = notebook
        self._document = document
        self._is_worth_keeping_soon = is_worth_keeping_soon
        self._log = log.bind(**about)
        self._kept: Document = {}

    def load(self) -> Document | None:
        """Return what was kept before, None if that is nothing."""
        document = None if self._notebook is None else self._notebook.load()
        self._kept = document or {}
        return document

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Write down what changes while the body runs, and the last of it at its end."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._write_down(self._document())

    async def _keep(self) -> None:
        if self._notebook is None:
            return
        loop = asyncio.get_running_loop()
        counted_s = loop.time()
        while True:
            await asyncio.sleep(KEEPS_S)
            document = self._document()
            if self._is_worth_keeping_soon(self._kept, document) or loop.time() - counted_s >= COUNTS_S:
                counted_s = loop.time()
                await self._write_down(document)

    async def _write_down(self, document: Document) -> None:
        if self._notebook is None or document == self._kept:
            return
        try:
            await self._notebook.save(document)
        except SunboxError as error:
            self._log.warning("not_kept", error=str(error))
        else:
            self._kept = document
