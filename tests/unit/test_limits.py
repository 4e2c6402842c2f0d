"""Buckets fill again with time, never hold more keys than they may, and cost next to nothing."""

import time

import pytest

from api.guard.held_bodies import Held, HeldBodies
from api.guard.limits import Buckets, network_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_then_as_many_as_time_brings() -> None:
    clock = Clock()
    buckets = Buckets(per_second=2, at_once=3, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0.0, "one key's haste is no other's"
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0
    clock.now += 1000
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True], (
        "no more than the bucket holds"
    )


def test_no_limit_keeps_nothing() -> None:
    buckets = Buckets(per_second=0, at_once=0)
    assert all(buckets.take(str(key)) == 0.0 for key in range(1000))
    assert len(buckets) == 0


def test_however_many_ask_so_many_are_remembered() -> None:
    buckets = Buckets(per_second=1, at_once=1)
    for key in range(50_000):
        buckets.take(str(key))
    assert len(buckets) == 20_000
    assert buckets.take("49999") > 0, "the newest are kept"


def test_a_host_with_a_whole_network_of_addresses_is_one() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2:ffff::1")
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("10.0.0.1") != network_of("10.0.0.2")
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth1")
    assert network_of("no address") == "no address"


def test_looking_costs_microseconds() -> None:
    buckets = Buckets(per_second=1e9, at_once=1e9)
    begun = time.perf_counter()
    for _ in range(20_000):
        buckets.take("admin")
    assert (time.perf_counter() - begun) / 20_000 < 20e-6


def test_what_one_request_holds_is_given_back_with_it() -> None:
    bodies = HeldBodies(100)
    first, second = Held(bodies), Held(bodies)
    assert first.take(60)
    assert not second.take(60)
    assert second.take(40)
    first.give_back()
    assert second.take(60)
    second.give_back()
    assert bodies.bytes == 0
