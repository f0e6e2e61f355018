"""What once went wrong around the core."""

from __future__ import annotations

import pytest
from tests.gateway.doubles import live, running

from sunbox.core.model import Override
from sunbox.core.wallbox import Request
from sunbox.errors import StoreError


def test_a_full_disk_leaves_nothing_open():
    """A StoreError in _act ends run(); the clean-up must still close drivers and journal."""

    async def main():
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            rig.store.is_full = True
            rig.gateway.request(Request(loadpoint_id="carport", by="x", override=Override.CHARGE, amps_a=8))
            rig.gateway.request(Request(loadpoint_id="carport", by="x", amps_a=9))
            with pytest.raises(StoreError):
                await rig.task
            assert rig.driver.is_closed
            assert rig.meter.is_closed

    live(main)


def test_a_journal_of_another_home_is_told(tmp_path):
    from tests.gateway.test_journal import Writer

    from sunbox.errors import JournalError
    from sunbox.gateway.replay import replay_file

    w = Writer(tmp_path)
    path = w.close()
    path.write_text(
        path.read_text()
        + '{"event":"CommandEnded","with":{"at":"2026-06-01T10:00:01Z","device_id":"nope","exchange_id":1,"outcome":"applied"}}\n'
    )
    with pytest.raises(JournalError):
        replay_file(path)
