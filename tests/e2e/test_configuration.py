"""A wrong configuration: every error at once, each with its path, and Envoy does not start with it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from demo.envoy import EnvoyFailed, validate
from support.world import World


def digest(text: str) -> str:
    """In: a key. Out: what the configuration has in its place."""
    return hashlib.sha256(text.encode()).hexdigest()


FIVE = {
    "api_keys": {
        "keys": [
            {"id": "good", "sha256": digest("good")},
            {"id": "short", "key": "tooshort"},
            {"id": "late", "sha256": digest("late"), "expires_at": "next year"},
        ]
    },
    "jwt": [
        {"name": "a", "algorithms": ["HS256"], "secrets": [{"env": "E2E_JWT_SECRET"}], "audiences": "ollama"},
        {"name": "b", "algorithms": ["RS256"], "secrets": [{"env": "E2E_JWT_SECRET"}]},
    ],
    "upstreem": {"host": "localhost:11434"},
}
FIVE_PATHS = [
    "api_keys.keys[1].key",
    "api_keys.keys[2].expires_at",
    "jwt[0].audiences",
    "jwt[1].algorithms",
    "upstreem",
]
LINE = re.compile(r"ollama-gate: configuration: ([^:]+): (.+)")


def check(world: World, plugin: Any) -> tuple[bool, str]:
    """In: a configuration of the gate. Out: whether `envoy --mode validate` takes it, and what it printed."""
    path = world.folder / "checked.yaml"
    world.pack(plugin=plugin).write(path)
    return validate(world.binary, path, world.keys.environment())


def test_five_errors_are_five_lines_with_their_paths_and_validate_fails(world: World) -> None:
    accepted, output = check(world, FIVE)
    assert not accepted
    assert "ollama-gate: configuration refused, 5 errors" in output
    reported = dict.fromkeys(match.group(1).strip("`") for match in LINE.finditer(output))
    assert len(reported) == 5
    for path in FIVE_PATHS:
        assert any(name.startswith(path) for name in reported), (path, list(reported))
    # The unknown key comes with the one that was probably meant.
    assert "upstream" in next(
        match.group(2) for match in LINE.finditer(output) if match.group(1).startswith("upstreem")
    )


def test_a_variable_that_is_not_set_is_one_error(world: World) -> None:
    plugin = world.keys.plugin()
    plugin["jwt"][0]["secrets"] = [{"env": "E2E_NOT_THERE"}]
    accepted, output = check(world, plugin)
    assert not accepted
    assert "jwt[0].secrets[0]" in output
    assert "E2E_NOT_THERE" in output
    assert "ollama-gate: configuration refused, 1 error" in output


def test_envoy_does_not_start_with_it_and_says_why(world: World) -> None:
    with pytest.raises(EnvoyFailed) as failed:
        world.start_gate("five-errors", FIVE)
    text = str(failed.value)
    assert all(path in text for path in FIVE_PATHS)


def test_the_good_configuration_of_these_tests_is_accepted(world: World) -> None:
    accepted, output = check(world, None)
    assert accepted, output


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", '"text"', "7", "{", "not json", "[[[[[[[[", '{"api_keys": null}'),
        *('{"api_keys": {"keys": []}}', '{"jwt": []}', '{"public": ["health"]}'),
    ],
)
def test_a_configuration_that_says_nothing_is_refused(world: World, text: str) -> None:
    accepted, output = check(world, text)
    assert not accepted
    assert "ollama-gate: configuration" in output


def test_a_member_twice_is_refused(world: World) -> None:
    good = json.dumps(world.keys.plugin())
    accepted, output = check(world, good[:-1] + ', "public": []}')
    assert not accepted
    assert "public" in output


def test_a_configuration_of_a_megabyte_is_read_or_refused_and_nothing_worse(world: World) -> None:
    plugin = world.keys.plugin()
    plugin["api_keys"]["keys"] += [
        {"id": f"key-{number:05}", "sha256": digest(str(number)), "subject": "s" * 60} for number in range(1, 5500)
    ]
    assert len(json.dumps(plugin)) > 900_000
    accepted, output = check(world, plugin)
    assert accepted or "ollama-gate: configuration" in output

    accepted, output = check(world, {**world.keys.plugin(), "$comment": "x" * 1_000_000})
    assert not accepted
    assert "ollama-gate: configuration" in output


def test_deep_nesting_is_refused(world: World) -> None:
    accepted, output = check(world, '{"jwt":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert not accepted
    assert "ollama-gate: configuration" in output


@pytest.mark.parametrize("value", ["$env://OLLAMA_KEY", "$secret://vault/1/key", "{vault://env/key}", "${OLLAMA_KEY}"])
def test_a_reference_that_a_host_left_unresolved_is_no_key(world: World, value: str) -> None:
    padded = value + "-and-more-to-be-long-enough"
    accepted, output = check(world, {"api_keys": {"keys": [{"id": "a", "key": padded}]}})
    assert not accepted
    assert "api_keys.keys[0].key" in output


@pytest.mark.parametrize("section", ["network", "login", "require", "mode"])
def test_a_field_of_later_work_is_refused_by_name(world: World, section: str) -> None:
    accepted, output = check(world, {**world.keys.plugin(), section: {}})
    assert not accepted
    assert section in output


def test_an_error_never_shows_the_secret_it_is_about(world: World) -> None:
    secret = "hunter2-hunter2"
    accepted, output = check(
        world, {"api_keys": {"keys": [{"id": "a", "key": secret}]}, "jwt": [{"secrets": [secret]}]}
    )
    assert not accepted
    lines = [line for line in output.splitlines() if "ollama-gate" in line and "configuration" in line]
    assert lines
    assert not any(secret in line for line in lines)
