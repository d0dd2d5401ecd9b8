"""What scripts/book.py does to pages on their way into the book. `make book` builds it, and is strict."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import book
import pytest


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("The `ollama` CLI", "the-ollama-cli"),
        ("`upstream.proof`", "upstreamproof"),
        ("A / B", "a--b"),
        ("常见问题", "常见问题"),
    ],
)
def test_an_anchor_is_the_one_that_github_makes(heading: str, anchor: str) -> None:
    assert book.slug(heading, "-") == anchor


@pytest.mark.parametrize(
    ("page", "link", "wanted"),
    [
        ("hosts/envoy.md", "../tokens.md", "../tokens.md"),
        ("hosts/envoy.md", "../../envoy/tls.yaml", "../tree/envoy/tls.yaml"),
        ("hosts/envoy.md", "../../envoy/", "../tree/envoy/README.md"),
        ("tokens.md", "../README.md", "index.md"),
        ("index.md", "docs/tokens.md", "tokens.md"),
        ("tree/envoy/README.md", "../docs/hosts/envoy.md", "../../hosts/envoy.md"),
        ("tokens.md", "nowhere.md", "nowhere.md"),
        ("tokens.md", "../../outside.md", "../../outside.md"),
    ],
)
def test_a_link_of_the_repository_leads_to_the_same_file_in_the_book(page: str, link: str, wanted: str) -> None:
    here = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    text = f"[one]({link}#part), [two]({link})\n\n```\n[three]({link})\n```\n"
    changed = book.on_page_markdown(text, here, None, None)
    assert changed == f"[one]({wanted}#part), [two]({wanted})\n\n```\n[three]({link})\n```\n"


def test_links_to_other_servers_and_within_the_page_stay() -> None:
    here = SimpleNamespace(file=SimpleNamespace(src_uri="tokens.md"))
    text = "[a](https://example.com/x.md) [b](#part)"
    assert book.on_page_markdown(text, here, None, None) == text


def test_chinese_words_of_two_to_four_characters_are_in_the_index(tmp_path: Path) -> None:
    path = tmp_path / "search" / "search_index.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"docs": [{"title": "密钥", "text": "冒烟测试 works"}]}), encoding="utf-8")
    book.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))
    (entry,) = json.loads(path.read_text(encoding="utf-8"))["docs"]
    assert entry["title"] == "密钥 密钥"
    assert entry["text"].split()[2:] == sorted(["冒烟", "烟测", "测试", "冒烟测", "烟测试", "冒烟测试"])
