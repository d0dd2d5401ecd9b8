"""Compressed bodies under a rule for models, as Codex sends them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
import zstandard
from support.frames import Stream
from support.wire import Answer
from support.world import CHAT, Gate, Reach, World

OTHER = CHAT.replace(b"llama3.2", b"qwen3")
ZSTD = ("Content-Encoding", "zstd")
CHAT_PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def ruled(world: World) -> Gate:
    """A gate whose inference key may run one model."""
    plugin = world.keys.plugin()
    key = next(key for key in plugin["api_keys"]["keys"] if key["id"] == "inference-key")
    key["models"] = ["llama3.2"]
    plugin["host"] = {"name": "envoy", "hold_head": True, "body_limit": "64MiB"}
    return world.start("compressed", world.pack(plugin=plugin))


def post(gate: Gate, body: bytes, path: str = CHAT_PATH, coding: str = "zstd") -> Answer:
    """In: a compressed body. Out: the answer to it."""
    return gate.post(path, gate.keys.inference, body, [("Content-Encoding", coding)])


def settings(seed: int) -> Iterator[tuple[bytes, bytes]]:
    """In: a seed. Out: chats and how some encoder would compress them."""
    dice = random.Random(seed)
    for level in (1, 3, 9, 19, -5):
        for length in (0, 1000, 200_000):
            word = "".join(dice.choices("abcdefghij \u00e9", k=max(1, length // dice.choice((1, 50)))))
            content = (word * (length // len(word) + 1))[:length]
            chat = {"messages": [{"role": "user", "content": content}], "model": "llama3.2"}
            text = json.dumps(chat, ensure_ascii=dice.random() < 0.5).encode()
            parameters = zstandard.ZstdCompressionParameters.from_level(
                level, write_checksum=dice.random() < 0.5, write_content_size=dice.random() < 0.5
            )
            compressor = zstandard.ZstdCompressor(compression_params=parameters)
            if dice.random() < 0.5:
                yield text, compressor.compress(text)
            else:
                stream = compressor.compressobj()
                half = stream.compress(text[: length // 2]) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
                yield text, half + stream.compress(text[length // 2 :]) + stream.flush()


def test_a_model_of_the_key_is_run_and_another_is_not(world: World, ruled: Gate) -> None:
    packed = zstandard.compress(CHAT)
    for path in (CHAT_PATH, "/v1/responses", "/v1/messages"):
        text = json.dumps(
            {"model": "llama3.2", "input": "hi", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        )
        assert post(ruled, zstandard.compress(text.encode()), path).status == 200, path
    with Reach(world.standin, ruled) as reach:
        answer = post(ruled, zstandard.compress(OTHER))
        assert (answer.status, answer.code) == (403, "model_denied")
        answer = post(ruled, packed + zstandard.compress(OTHER))
        assert (answer.status, answer.code) == (400, "ambiguous_body")
        assert reach.targets() == []


def test_the_gate_and_the_reference_read_the_same(ruled: Gate) -> None:
    for number, (text, packed) in enumerate(settings(1)):
        assert post(ruled, packed).status == 200, number
        denied = zstandard.compress(text.replace(b"llama3.2", b"llama3.9"))
        assert post(ruled, denied).code == "model_denied", number


def test_it_may_be_cut_anywhere_over_http2(ruled: Gate) -> None:
    for body, status in ((CHAT, 200), (OTHER, 403)):
        fields = [("authorization", f"Bearer {ruled.keys.inference}"), ("content-encoding", "zstd")]
        stream = Stream(ruled.port, "POST", CHAT_PATH, fields)
        for byte in zstandard.compress(body):
            stream.data(bytes([byte]))
        stream.data(b"", last=True)
        assert stream.answer().status == status


def test_a_bomb_is_refused_and_the_next_request_is_served(world: World, ruled: Gate) -> None:
    with Reach(world.standin, ruled) as reach:
        for size in (2 << 20, 1 << 30):
            bomb = zstandard.compress(CHAT[:-1] + b" " * size + b"}")
            assert len(bomb) < 200_000
            answer = post(ruled, bomb)
            assert (answer.status, answer.code) == (413, "body_too_large"), size
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        answer = post(ruled, packer.compress(CHAT) + packer.flush())
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert "8 MiB" in answer.json()["error"]["message"]
        assert reach.targets() == []
    assert post(ruled, zstandard.compress(CHAT)).status == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "ZSTD", "zstd, gzip", "identity, zstd", "zstd,zstd"])
def test_every_other_coding_is_refused_with_the_remedy(ruled: Gate, coding: str) -> None:
    answer = post(ruled, zstandard.compress(CHAT), coding=coding)
    assert (answer.status, answer.code) == (400, "ambiguous_body")
    assert "`Content-Encoding: zstd`" in answer.json()["error"]["message"]


def test_two_fields_are_refused_however_envoy_joins_them(ruled: Gate) -> None:
    for first, second in (("zstd", "gzip"), ("identity", "zstd"), ("zstd", "zstd")):
        fields = [("Content-Encoding", first), ("Content-Encoding", second)]
        answer = ruled.post(CHAT_PATH, ruled.keys.inference, zstandard.compress(CHAT), fields)
        assert (answer.status, answer.code) == (400, "ambiguous_body"), (first, second)


def test_where_ollama_takes_none_it_is_refused(ruled: Gate) -> None:
    answer = post(ruled, zstandard.compress(CHAT), "/api/chat")
    assert (answer.status, answer.code) == (400, "ambiguous_body")
