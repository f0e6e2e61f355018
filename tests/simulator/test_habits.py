"""What people do with their cars."""

from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from sunbox.simulator.habits import HABITS, CommuterParams, Move, Outing, Presence, commuter

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY_AT = datetime(2024, 6, 16, 20, tzinfo=UTC)


def weeks(count: int, seed: int = 1, from_at: datetime = SUNDAY_AT) -> list[Outing]:
    outings = []
    for outing in commuter(seed, BERLIN, from_at):
        if outing.at > from_at + timedelta(weeks=count):
            return outings
        outings.append(outing)
    raise AssertionError("a commuter goes on for ever")


def test_to_work_and_back_on_working_days():
    outings = [outing for outing in weeks(8) if outing.at.astimezone(BERLIN).weekday() < 5]
    leaving = [outing.at.astimezone(BERLIN) for outing in outings if outing.move is Move.LEAVE]
    back = [outing for outing in outings if outing.move is Move.RETURN]
    assert len(leaving) == len(back) == 40
    assert all(time(7, 25) <= at.time() <= time(8, 5) for at in leaving)
    assert all(time(16, 55) <= outing.at.astimezone(BERLIN).time() <= time(17, 35) for outing in back)
    assert all(5 <= outing.used_kwh <= 9 for outing in back)
    assert len({at.time() for at in leaving}) > 20


def test_some_weekends_have_a_trip():
    trips = [
        outing for outing in weeks(52) if outing.at.astimezone(BERLIN).weekday() >= 5 and outing.move is Move.LEAVE
    ]
    assert 20 <= len(trips) <= 55


def test_moves_alternate_and_time_goes_forward():
    outings = weeks(52)
    assert [outing.move for outing in outings] == [Move.LEAVE, Move.RETURN] * (len(outings) // 2) + (
        [Move.LEAVE] if len(outings) % 2 else []
    )
    assert all(before.at < after.at for before, after in pairwise(outings))
    assert all(outing.at.microsecond == 0 for outing in outings)


def test_a_day_that_has_begun_is_not_begun_again():
    noon_at = datetime(2024, 6, 17, 10, tzinfo=UTC)
    first = next(commuter(1, BERLIN, noon_at))
    assert (first.move, first.at.astimezone(BERLIN).date().isoformat()) == (Move.LEAVE, "2024-06-18")


def test_the_week_follows_from_the_seed_and_not_from_its_beginning():
    assert weeks(3) == weeks(3)
    assert weeks(3) != weeks(3, seed=2)
    later = weeks(2, from_at=SUNDAY_AT + timedelta(weeks=1))
    assert weeks(3)[-len(later) :] == later


def test_local_hours_hold_through_the_change_of_clocks():
    outings = weeks(2, from_at=datetime(2024, 10, 20, 20, tzinfo=UTC))
    hours = {
        outing.at.astimezone(BERLIN).hour
        for outing in outings
        if outing.move is Move.LEAVE and outing.at.astimezone(BERLIN).weekday() < 5
    }
    assert hours <= {7, 8}


def test_other_hours_can_be_told():
    params = CommuterParams(leave=time(5), back=time(13), jitter_min=0, day_kwh=(10, 10))
    leave, back = islice(commuter(1, BERLIN, SUNDAY_AT, params), 2)
    assert leave.at == datetime(2024, 6, 17, 3, tzinfo=UTC)
    assert (back.at, back.used_kwh) == (datetime(2024, 6, 17, 11, tzinfo=UTC), 10)


def test_always_never_leaves():
    assert list(HABITS[Presence.ALWAYS](1, BERLIN, SUNDAY_AT)) == []
