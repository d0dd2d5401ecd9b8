"""Keys from a real OpenID provider: discovery, rotation under load, an outage, and the way back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Callable

import jwt
import pytest
from support.load import Load
from support.oidc import ALGORITHMS, THREADS, WORKERS, Provider, Sso
from support.world import Reach, World, eventually

RATE = 200
MOST_IN_FLIGHT = 32


@pytest.fixture(scope="module")
def sso(world: World) -> Iterator[Sso]:
    """The one that tests share that leave the provider as it is."""
    sso = Sso(world, "oidc")
    yield sso
    sso.stop()


@pytest.fixture
def own(world: World, request: pytest.FixtureRequest) -> Iterator[Callable[..., Sso]]:
    """Makes one for a test alone, with settings of `jwks` and the name of the host."""
    made: list[Sso] = []

    def make(**settings: str | None) -> Sso:
        made.append(Sso(world, f"oidc-{request.node.name}", **settings))
        return made[0]

    yield make
    for sso in made:
        sso.stop()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_the_provider_is_accepted(sso: Sso, algorithm: str) -> None:
    token = sso.provider.token(algorithm)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (algorithm, "at+jwt")
    assert sso.everywhere(token)
    assert sso.gate.post("/api/chat", key=token).status == 200
    # Whose it is stands in the log.
    event = sso.gate.decisions()[-1]
    assert (event["decision"], event["credential"], event["id"], event["subject"]) == ("allowed", "jwt", "sso", "e2e")


def test_a_token_for_another_audience_is_refused(sso: Sso, world: World) -> None:
    with Reach(world.standin, sso.gate) as reach:
        assert sso.answers(sso.provider.token(audience="wiki")) == {(401, "wrong_audience")}
        assert reach.targets() == []


def test_a_token_of_another_provider_is_refused(sso: Sso, world: World) -> None:
    other = Provider(world)
    try:
        with Reach(world.standin, sso.gate) as reach:
            assert sso.answers(other.token()) == {(401, "wrong_issuer")}
            assert reach.targets() == []
        assert other.counts()["jwks"] == 0
    finally:
        other.stop()


def test_a_token_of_a_provider_that_takes_its_name_is_refused(sso: Sso, world: World) -> None:
    liar = Provider(world, issuer=sso.provider.issuer)
    try:
        with Reach(world.standin, sso.gate) as reach:
            assert sso.answers(liar.token()) == {(401, "unknown_signing_key")}
            assert reach.targets() == []
    finally:
        liar.stop()


def test_keys_are_fetched_once_for_many_requests(own: Callable[..., Sso]) -> None:
    sso = own()
    sso.prefetched()
    before = sso.provider.counts()
    for _ in range(20):
        assert sso.everywhere(sso.provider.token())
    asked = sso.provider.counts() - before
    assert (asked["discovery"], asked["jwks"]) == (0, 0)
    assert (before["discovery"], before["jwks"]) == (THREADS, THREADS)


def test_where_no_ticks_are_expected_the_first_request_waits_for_the_keys(own: Callable[..., Sso]) -> None:
    # Nothing that one of the gateways does not bear, so no ticks.
    sso = own(host=None)
    token = sso.provider.token()
    assert sso.provider.counts()["jwks"] == 0
    assert sso.answers(token, 1) == {(200, None)}
    assert sso.provider.counts()["jwks"] == 1
    assert sso.answers(token, 40) == {(200, None)}
    assert 1 <= sso.provider.counts()["jwks"] <= WORKERS


def test_keys_that_the_provider_drops_stop_working(own: Callable[..., Sso]) -> None:
    sso = own(cool_down="1s")
    old = sso.provider.token()
    assert sso.everywhere(old)
    sso.provider.rotate(keep=False)
    new = sso.provider.token()
    eventually(lambda: sso.everywhere(new), what="the new keys")
    # Until the cool-down is over it may be a key that is newer still.
    seen: set[tuple[int, str | None]] = set()
    eventually(lambda: seen.update(now := sso.answers(old)) or now == {(401, "unknown_signing_key")}, what="the end")
    assert seen <= {(503, "keys_pending"), (401, "unknown_signing_key")}


@pytest.mark.parametrize("everybody", [False, True], ids=["some", "everybody"])
def test_keys_rotated_under_load_fail_no_request_that_could_have_been_right(
    everybody: bool,
    own: Callable[..., Sso],
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    sso = own(cool_down="1s")
    sso.prefetched()
    sso.provider.delay(200)
    tokens = {"first": sso.provider.token()}
    asked: list[int] = []
    with Load(sso.gate, RATE, tokens) as load:
        load.more(300)
        for round_, whose in enumerate(["second", "third"]):
            before = sso.provider.counts()
            sso.provider.rotate(keep=True)
            load.phase = f"rotated to {whose}"
            # Tokens are replaced, never changed: the load reads them in a thread of its own.
            new = {whose: sso.provider.token(ALGORITHMS[round_ * 6])}
            load.tokens = tokens = new if everybody else {**tokens, **new}
            load.more(100, whose)
            # One worker may have answered all of them.
            eventually(lambda new=new[whose]: sso.everywhere(new), what="the keys in both workers")
            load.phase = f"settled on {whose}"
            load.more(400)
            asked.append((sso.provider.counts() - before)["jwks"])
    with capsys.disabled():
        print(f"\n    {load.count()} requests in {load.seconds:.1f} s, {load.count(status=200)} got 200, ", end="")
        print(f"{load.count(status=503)} got 503 and these then {dict(load.repeated)}; JWKS asked for {asked} times")
    for name, value in [("requests", load.count()), ("pending", load.count(status=503)), ("jwks", asked)]:
        record_property(name, value)

    # What is neither 200 nor 503 is a failure; so is a 503 at any other time than that of the fetch.
    assert [key for key in load.seen if key[2] not in (200, 503)] == []
    explained = {(f"rotated to {whose}", whose, 503, "keys_pending") for whose in ("second", "third")}
    assert {key for key in load.seen if key[2] == 503} <= explained
    assert load.repeated == Counter({("keys_pending", 200): load.count(status=503)})
    # Each request that meets the unknown key fetches for itself, up to a bound in each worker.
    assert all(1 <= count <= WORKERS * MOST_IN_FLIGHT for count in asked)
    assert sso.fetches("failed") == 0
    assert all(load.count(whose=whose, status=200) >= 200 for whose in ("first", "second", "third"))


def test_more_requests_at_once_than_may_fetch_are_told_to_come_back(
    own: Callable[..., Sso], capsys: pytest.CaptureFixture[str]
) -> None:
    sso = own(timeout="30s")
    sso.prefetched()
    sso.provider.rotate(keep=True)
    token = sso.provider.token()
    before = sso.provider.counts()
    with sso.provider.holding(), Load(sso.gate, RATE, {"new": token}) as load:
        eventually(lambda: load.count(status=503), what="more requests than may fetch")
        sso.provider.release()
        load.more(100)
    asked = (sso.provider.counts() - before)["jwks"]
    with capsys.disabled():
        print(
            f"\n    {load.count()} requests at once: {load.count(status=200)} got 200, {load.count(status=503)} ",
            end="",
        )
        print(f"got 503 and these then {dict(load.repeated)}; JWKS asked for {asked} times")
    assert {key[2:] for key in load.seen} == {(200, None), (503, "keys_pending")}
    assert load.repeated == Counter({("keys_pending", 200): load.count(status=503)})
    assert 1 <= asked <= WORKERS * MOST_IN_FLIGHT


def test_a_provider_that_is_down_locks_nobody_out_and_is_not_stormed(
    own: Callable[..., Sso], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    # So long that no 401 below can end by time.
    sso = own(cool_down="5m")
    sso.prefetched()
    known = [sso.provider.token(algorithm) for algorithm in ALGORITHMS * 3]
    port = sso.provider.port
    sso.provider.stop()

    # New tokens of known keys, so that it is not the memory of verified tokens that answers.
    assert [sso.answers(token, 1) for token in known] == [{(200, None)}] * len(known)
    assert sso.fetches("failed") == 0

    # An unknown key: nobody can tell, then nobody is asked for it again.
    lost = sso.unknown()
    with Reach(world.standin, sso.gate) as reach:
        eventually(lambda: sso.answers(lost) == {(401, "unknown_signing_key")}, what="the cool-down")
        assert reach.targets() == []
    codes = [(event["status"], event["code"]) for event in sso.gate.decisions() if event["decision"] == "denied"]
    first, last = (503, "keys_unavailable"), (401, "unknown_signing_key")
    assert codes[0] == first
    assert set(codes) == {first, last}
    assert 1 <= sso.fetches("failed") <= 2 * WORKERS
    assert "ollama-gate: jwt `sso`: keys: fetch failed: " in sso.gate.envoy.child.output()

    # A flood of unknown ones: all of them are told to come back, hardly any asks.
    failed, connections, begin = sso.fetches("failed"), sso.connections(), time.monotonic()
    flood = [sso.unknown(number) for number in range(1, 301)]
    with Reach(world.standin, sso.gate) as reach:
        assert {answer for token in flood for answer in sso.answers(token, 1)} == {first}
        assert reach.targets() == []
    failed, connections = sso.fetches("failed") - failed, sso.connections() - connections
    # Pauses of 1, 2, 4, … seconds: as many fetches as the time that went by has bits.
    most = WORKERS * (2 + int(time.monotonic() - begin).bit_length())
    assert failed <= most
    assert connections <= most
    assert sso.answers(known[0]) == {(200, None)}

    # Back, with new keys. Whoever comes too early is told to come back, and never that it is wrong.
    back = sso.provider = Provider(world, port)
    token, seen = back.token(), []
    eventually(lambda: seen.append(sso.answers(token)) or seen[-1] == {(200, None)}, 120, "the recovery")
    assert set().union(*seen) <= {(200, None), first}
    # Its key went with the provider's old ones. As both workers have just looked for another one,
    # and the cool-down is long, nobody can tell whether it has come back since.
    assert sso.answers(known[0]) == {(503, "keys_pending")}
    with capsys.disabled():
        print(f"\n    {len(flood)} unknown keys in the outage: {failed} fetches, {connections} connections; ", end="")
        print(f"{len(seen)} rounds until it was back; then {dict(back.counts())}")


def test_keys_that_are_too_old_are_used_no_longer(own: Callable[..., Sso], world: World) -> None:
    sso = own(every="10s", max_stale="10s")
    sso.prefetched()
    token, port = sso.provider.token(), sso.provider.port
    eventually(lambda: sso.everywhere(token), what="keys that are not too old")
    sso.provider.stop()
    with Reach(world.standin, sso.gate) as reach:
        eventually(lambda: sso.answers(token) == {(503, "keys_unavailable")}, what="the end of the keys")
        before = len(reach.requests())
        assert sso.answers(token) == {(503, "keys_unavailable")}
        assert len(reach.requests()) == before
    sso.provider = Provider(world, port)
    new = sso.provider.token()
    eventually(lambda: sso.everywhere(new), 120, "the recovery")
    assert sso.answers(token) == {(401, "unknown_signing_key")}
