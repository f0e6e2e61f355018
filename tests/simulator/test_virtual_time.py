"""Virtual and scaled time."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.loopback import WITHIN_S

from sunbox.simulator.clock import LoopClock, ScaledTimeLoop, VirtualTimeLoop, run_in

EPOCH = datetime(2024, 6, 17, 4, tzinfo=UTC)


def test_a_day_of_sleeps_costs_what_it_computes():
    async def day() -> tuple[float, int]:
        naps = 0
        while asyncio.get_running_loop().time() < 86_400:
            await asyncio.sleep(10)
            naps += 1
        return asyncio.get_running_loop().time(), naps

    cpu_s = time.process_time()
    ended_s, naps = run_in(VirtualTimeLoop, day())
    assert (ended_s, naps) == (86_400, 8_640)
    assert time.process_time() - cpu_s < 5  # a hang guard, not a benchmark: it is some 0.1 s


def test_timers_fire_in_the_order_of_virtual_time():
    async def main() -> list[tuple[str, float]]:
        loop, seen = asyncio.get_running_loop(), []

        async def note(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append((name, loop.time()))

        await asyncio.gather(note("late", 7200), note("early", 1.5), note("middle", 60))
        return seen

    assert run_in(VirtualTimeLoop, main()) == [("early", 1.5), ("middle", 60), ("late", 7200)]


def test_a_timeout_fires_in_virtual_time():
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_in(VirtualTimeLoop, main()) == 3600


def test_a_timer_farther_than_a_day_is_reached():
    async def main() -> float:
        await asyncio.sleep(40 * 86_400)
        return asyncio.get_running_loop().time()

    assert run_in(VirtualTimeLoop, main()) == pytest.approx(40 * 86_400)


def test_a_thread_holds_the_clock_until_it_has_ended():
    async def main() -> tuple[float, list[str]]:
        loop, released, seen = asyncio.get_running_loop(), threading.Event(), []

        def job() -> str:
            released.wait(WITHIN_S)
            return "job"

        async def ticker() -> None:
            await asyncio.sleep(1)
            seen.append("tick")

        ticking = asyncio.create_task(ticker())
        running = loop.run_in_executor(None, job)
        threading.Timer(0.05, released.set).start()
        seen.append(await running)
        at_s = loop.time()
        await ticking
        return at_s, seen

    assert run_in(VirtualTimeLoop, main()) == (0.0, ["job", "tick"])


def test_a_job_that_cannot_be_given_away_does_not_hold_the_clock():
    class Broken:
        def submit(self, *_args: object) -> None:
            raise RuntimeError("no more threads")

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="no more threads"):
            loop.run_in_executor(Broken(), print)
        await asyncio.sleep(5)
        return loop.time()

    assert run_in(VirtualTimeLoop, main()) == 5


def test_hold_keeps_time_for_foreign_threads():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        done = asyncio.Event()
        timer = loop.call_later(1, done.clear)
        threading.Timer(0.03, loop.call_soon_threadsafe, (done.set,)).start()
        with loop.hold():
            await done.wait()
        at_s = loop.time()
        timer.cancel()
        return at_s

    assert run_in(VirtualTimeLoop, main()) == 0.0


async def _echo_once(patience_s: float = 60.0) -> tuple[bytes, float]:
    """Return what an echo server on loopback says, and how long its 2-s nap was in the loop's time."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        await asyncio.sleep(2)
        writer.write(line.upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        began_s = loop.time()
        writer.write(b"hello\n")
        answer = await asyncio.wait_for(reader.readline(), patience_s)
        took_s = loop.time() - began_s
        writer.close()
        await writer.wait_closed()
    return answer, took_s


def test_sockets_work_in_virtual_time():
    answer, took_s = run_in(VirtualTimeLoop, _echo_once())
    assert answer == b"HELLO\n"
    assert 2 <= took_s < 3


def test_a_peer_that_does_not_read_lets_time_run_as_on_the_wall():
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await done.wait()
            writer.transport.abort()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * 50_000_000)
            began_s, wall_s = loop.time(), time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await writer.drain()
            took_s, wall_took_s = loop.time() - began_s, time.monotonic() - wall_s
            done.set()
            writer.transport.abort()
            await asyncio.sleep(0)
        return took_s, wall_took_s

    took_s, wall_took_s = run_in(VirtualTimeLoop, main())
    assert took_s >= 0.1
    assert wall_took_s >= 0.08


def test_sockets_work_in_scaled_time():
    answer, took_s = run_in(lambda: ScaledTimeLoop(100), _echo_once(100 * WITHIN_S))
    assert answer == b"HELLO\n"
    assert took_s >= 2


def test_scaled_time_runs_as_fast_as_it_is_told():
    async def main() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        before_s, began_s, after_s = time.monotonic(), loop.time(), time.monotonic()
        await asyncio.sleep(50)
        least_s, took_s, most_s = time.monotonic() - after_s, loop.time() - began_s, time.monotonic() - before_s
        return least_s, took_s, most_s

    # both clocks cannot be read in one moment, so the wall is read before and after
    least_s, took_s, most_s = run_in(lambda: ScaledTimeLoop(500), main())
    assert took_s >= 50
    assert least_s <= took_s / 500 <= most_s


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_goes_nowhere_is_refused(speed: float):
    with pytest.raises(ValueError, match="allowed is a number above 0"):
        ScaledTimeLoop(speed)


def test_the_clock_begins_at_its_epoch_and_goes_with_the_loop():
    async def main() -> tuple[datetime, datetime]:
        await asyncio.sleep(100)
        clock = LoopClock(EPOCH)
        first = clock.now()
        await asyncio.sleep(90.5)
        return first, clock.now()

    assert run_in(VirtualTimeLoop, main()) == (EPOCH, EPOCH + timedelta(seconds=90.5))


def test_an_epoch_without_zone_is_refused():
    async def main() -> None:
        LoopClock(datetime(2024, 6, 17))  # noqa: DTZ001 - the point

    with pytest.raises(ValueError, match="offset from UTC"):
        run_in(VirtualTimeLoop, main())
