"""A day on which the process was killed can be replayed, whatever the killed one left at the end of the file."""

from __future__ import annotations

import pytest
from tests.scenarios.home import live, living

from sunbox.gateway.replay import replay_file


@pytest.mark.parametrize("torn", ["", '{"event":"MeterRead","with":{"at":"2026-06-0', "\x00\x00"])
def test_a_day_with_a_kill_in_it_replays(torn: str) -> None:
    async def main() -> None:
        async with living(pv_w=4000.0, journal=True) as home:
            await home.tlwb("/control?1")
            await home.until(lambda: home.lp().is_flowing)
            await home.kill_gateway()
            (path,) = (home.folder / "journal").iterdir()
            with path.open("a", encoding="utf-8") as file:
                file.write(torn)
            await home.start_gateway()
            await home.until(lambda: home.lp().is_flowing)
            await home.tlwb("/control?0")
            await home.until(lambda: not home.lp().is_flowing)
            await home.stop_gateway()
            replayed = replay_file(path)
            assert replayed.first_difference is None
            text = path.read_text(encoding="utf-8")
            assert text.count('{"event":"Began"') == 2
            assert replayed.events == text.count("\n") - 1

    live(main)
