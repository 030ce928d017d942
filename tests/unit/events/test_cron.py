"""Cron, rate and at: what AWS documents, and what holds for every expression."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.fabric import cron, schedules

START = datetime(2026, 1, 1)
START_MS = int(START.replace(tzinfo=UTC).timestamp() * 1000)


def first(expression, count=3, after=START):
    return [f"{moment:%Y-%m-%dT%H:%M}" for moment in islice(cron.parse(expression).after(after), count)]


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("0 10 * * ? *", ["2026-01-01T10:00", "2026-01-02T10:00", "2026-01-03T10:00"]),
        ("15 12 * * ? *", ["2026-01-01T12:15", "2026-01-02T12:15", "2026-01-03T12:15"]),
        ("0 18 ? * MON-FRI *", ["2026-01-01T18:00", "2026-01-02T18:00", "2026-01-05T18:00"]),
        ("0 8 1 * ? *", ["2026-01-01T08:00", "2026-02-01T08:00", "2026-03-01T08:00"]),
        ("0/15 * * * ? *", ["2026-01-01T00:15", "2026-01-01T00:30", "2026-01-01T00:45"]),
        ("0/5 8-17 ? * mon-fri *", ["2026-01-01T08:00", "2026-01-01T08:05", "2026-01-01T08:10"]),
        ("0 9 ? * 2#1 *", ["2026-01-05T09:00", "2026-02-02T09:00", "2026-03-02T09:00"]),
        ("0 9 ? * FRI#5 *", ["2026-01-30T09:00", "2026-05-29T09:00", "2026-07-31T09:00"]),
        ("0 10 ? * 6L *", ["2026-01-30T10:00", "2026-02-27T10:00", "2026-03-27T10:00"]),
        ("0 10 ? * L *", ["2026-01-03T10:00", "2026-01-10T10:00", "2026-01-17T10:00"]),
        ("0 10 L * ? *", ["2026-01-31T10:00", "2026-02-28T10:00", "2026-03-31T10:00"]),
        ("0 10 L-2 * ? *", ["2026-01-29T10:00", "2026-02-26T10:00", "2026-03-29T10:00"]),
        ("0 10 LW * ? *", ["2026-01-30T10:00", "2026-02-27T10:00", "2026-03-31T10:00"]),
        ("0 8 3W * ? *", ["2026-01-02T08:00", "2026-02-03T08:00", "2026-03-03T08:00"]),
        ("0 8 1W 8 ? *", ["2026-08-03T08:00", "2027-08-02T08:00", "2028-08-01T08:00"]),
        ("0 8 31W * ? *", ["2026-01-30T08:00", "2026-03-31T08:00", "2026-05-29T08:00"]),
        ("0 22-2/2 1 1 ? 2027", ["2027-01-01T00:00", "2027-01-01T02:00", "2027-01-01T22:00"]),
        ("0 0 ? JAN,dec FRI-SUN 2026-2027", ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00"]),
        ("0 0 29 2 ? *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("0 0 1 1 ? 2028/100", ["2028-01-01T00:00", "2128-01-01T00:00"]),
        ("0 0 30 2 ? *", []),
    ],
)
def test_an_expression_is_due_when_aws_says(expression, due):
    assert first(expression) == due


@pytest.mark.parametrize(
    "expression",
    [
        "0 10 * * * *", "0 10 ? * ? *", "0 10 1 * MON *", "60 10 * * ? *", "0 24 * * ? *", "0 10 32 * ? *",
        "0 10 * 13 ? *", "0 10 ? * 8 *", "0 10 ? * 0 *", "0 10 ? * MON#6 *", "0 10 ? * MON#1,FRI#2 *",
        "0 10 1,L * ? *", "0 10 * * ?", "0 10 * * ? * *", "x 10 * * ? *", "0/0 10 * * ? *", "0 10 1W,2 * ? *",
        "0 10 * * ? 1969", "0 10 * * ? 2200", "? 10 * * ? *", "-1 10 * * ? *", "", "0 10 L-31 * ? *",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(cron.InvalidCron):
        cron.parse(expression)


fields = st.tuples(
    st.sampled_from(["*", "0", "0/20", "5-10", "50-5/7", "1,59"]),
    st.sampled_from(["*", "0", "23", "8-17/3", "22-3"]),
    st.sampled_from(["*", "1", "15,31", "L", "L-3", "LW", "1W", "15W", "31W", "28-2"]),
    st.sampled_from(["*", "2", "JAN-MAR", "11-2", "1/5"]),
    st.sampled_from(["MON", "2-6", "6-1", "SUN#1", "4#5", "3L", "L", "*"]),
    st.sampled_from(["*", "2026", "2027-2028", "2026/2"]),
    st.booleans(),
)


WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = tuple(name.upper() for name in calendar.month_abbr if name)


def numbers(field, low, high, names=()):
    """A field spelled out by counting, one after the other, around the end if need be."""
    found = set()
    for part in field.split(","):
        base, _, step = part.partition("/")
        begin, _, end = base.partition("-")
        first = low if base == "*" else names.index(begin) + low if begin in names else int(begin)
        last = high if base == "*" or (step and not end) else first
        if end:
            last = names.index(end) + low if end in names else int(end)
        count = 0
        while True:
            if count % int(step or 1) == 0:
                found.add(first)
            if first == last:
                break
            first = low if first == high else first + 1
            count += 1
    return found


def nearest_working(day, target):
    length = calendar.monthrange(day.year, day.month)[1]
    days = [one for one in range(1, length + 1) if calendar.weekday(day.year, day.month, one) < 5]
    return min(days, key=lambda one: (abs(one - target), one > target))


def right_weekday(field, day):
    number = (day.weekday() + 1) % 7 + 1
    length = calendar.monthrange(day.year, day.month)[1]
    if "#" in field:
        name, _, count = field.partition("#")
        wanted = WEEKDAYS.index(name) + 1 if name in WEEKDAYS else int(name)
        return number == wanted and (day.day - 1) // 7 + 1 == int(count)
    if field != "L" and field.endswith("L"):
        return number == int(field[0]) and day.day > length - 7
    return number in numbers("7" if field == "L" else field, 1, 7, WEEKDAYS)


def right_day(field, day):
    length = calendar.monthrange(day.year, day.month)[1]
    if field in ("L", "L-3"):
        return day.day == length - (3 if field == "L-3" else 0)
    if field.endswith("W"):
        target = length if field == "LW" else int(field[:-1])
        return target <= length and day.day == nearest_working(day, target)
    return day.day in numbers(field, 1, 31)


def plainly(parts, day):
    """Whether a day satisfies an expression, judged by itself."""
    _, _, of_month, month, weekday, year, by_day = parts
    right = right_weekday(weekday, day) if by_day else right_day(of_month, day)
    return right and day.month in numbers(month, 1, 12, MONTHS) and day.year in numbers(year, 1970, 2199)


@settings(max_examples=150, deadline=None)
@given(fields, st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 1)))
def test_the_days_of_an_expression_are_those_that_satisfy_it(parts, moment):
    minute, hour, day, month, weekday, year, by_day = parts
    text = f"{minute} {hour} {'?' if by_day else day} {month} {weekday if by_day else '?'} {year}"
    parsed = cron.parse(text)
    times = set(product(numbers(hour, 0, 23), numbers(minute, 0, 59)))
    end = moment + timedelta(days=70)
    found = set()
    for due in parsed.after(moment):
        if due > end:
            break
        assert due > moment
        assert (due.hour, due.minute) in times
        found.add(due.date())
    whole = [moment.date() + timedelta(days=count) for count in range(1, 70)]
    right = {one for one in whole if plainly(parts, one)}
    assert found & set(whole) == right


@settings(max_examples=60, deadline=None)
@given(fields, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_due_times_come_in_order_whatever_the_start(parts, moment):
    minute, hour, day, month, weekday, _, by_day = parts
    text = f"{minute} {hour} {'?' if by_day else day} {month} {weekday if by_day else '?'} *"
    found = list(islice(cron.parse(text).after(moment), 6))
    assert found == sorted(set(found))
    if found:
        assert next(cron.parse(text).after(found[0])) == found[1]


def at(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


def test_a_rate_counts_from_its_beginning():
    rate = schedules.parse("rate(5 minutes)")
    assert rate.next(START_MS, START_MS) == START_MS + 300_000
    assert rate.next(START_MS + 300_000, START_MS) == START_MS + 600_000
    assert rate.next(START_MS - 5, START_MS) == START_MS + 300_000


@pytest.mark.parametrize(
    "expression",
    ["rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(5 weeks)", "rate(5)", "cron(0 10 * * ?)",
     "at(2026-01-01T00:00:00)", "every day", "rate(1.5 hours)", "cron 0 10 * * ? *"],
)  # fmt: skip
def test_a_rule_takes_only_what_is_a_rate_or_a_cron(expression):
    with pytest.raises(schedules.InvalidSchedule):
        schedules.parse(expression, kinds=("rate", "cron"))


@pytest.mark.parametrize("expression", ["at(2026-02-30T00:00:00)", "at(2026-02-03)", "at(x)"])
def test_at_needs_a_moment(expression):
    with pytest.raises(schedules.InvalidSchedule):
        schedules.parse(expression)


BERLIN = ZoneInfo("Europe/Berlin")


def test_a_local_time_follows_summer_time():
    daily = schedules.parse("cron(0 9 * * ? *)", zone=BERLIN)
    assert daily.next(at(2026, 3, 27, 12), 0) == at(2026, 3, 28, 8)
    assert daily.next(at(2026, 3, 28, 12), 0) == at(2026, 3, 29, 7)


def test_a_time_that_does_not_exist_is_skipped():
    daily = schedules.parse("cron(30 2 * * ? *)", zone=BERLIN)
    assert daily.next(at(2026, 3, 28, 12), 0) == at(2026, 3, 30, 0, 30)


def test_a_time_that_occurs_twice_is_taken_once():
    daily = schedules.parse("cron(30 2 * * ? *)", zone=BERLIN)
    due = daily.next(at(2026, 10, 24, 12), 0)
    assert due == at(2026, 10, 25, 0, 30)
    assert daily.next(due, 0) == at(2026, 10, 26, 1, 30)


def test_at_is_due_once():
    once = schedules.parse("at(2026-07-01T12:00:00)", zone=BERLIN)
    assert once.next(START_MS, 0) == at(2026, 7, 1, 10)
    assert once.next(at(2026, 7, 1, 10), 0) is None
