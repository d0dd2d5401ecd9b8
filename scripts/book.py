"""Hooks of MkDocs for the book: brings in what stands outside docs/, and finds what MkDocs would pass over.

Pages link to files of the repository, such as the packs, and those links work there. In the book these files stand
under `tree/`, pages as pages and everything else as it is. README.md is the front page.
"""

from __future__ import annotations

import json
import logging
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs"
FRONT = "README.md"
TREE = "tree"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(?=#[^)\s]*\)|\))")
FENCE = re.compile(r"^( *)(```.*?^\1```|~~~.*?^\1~~~)", re.MULTILINE | re.DOTALL)
HAN = re.compile(r"[\u4e00-\u9fff]{2,}")
LONGEST_WORD = 4
STRUCTURE = ("h2", "h3", "li", "ol", "pre", "table", "ul")
REMEDY = "leave a line before a list or a fence, and indent by 4 what belongs to an item"

log = logging.getLogger("mkdocs.hooks.book")


def slug(text: str, separator: str) -> str:
    """In: a heading. Out: its anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", separator)


def source(page: str) -> str:
    """In: a page or file of the book. Out: where it stands in the repository."""
    if page == "index.md":
        return FRONT
    return page.removeprefix(f"{TREE}/") if page.startswith(f"{TREE}/") else f"{DOCS}/{page}"


def place(path: str) -> str:
    """In: a file of the repository. Out: where it stands in the book."""
    if path == FRONT:
        return "index.md"
    return path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else f"{TREE}/{path}"


def meant(link: str, path: str) -> str | None:
    """In: a link of a file of the repository. Out: the file that it leads to; a folder's is its README. None: none."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if (ROOT / found).is_dir():
        found = f"{found}/{FRONT}"
    return found if not found.startswith("..") and (ROOT / found).is_file() else None


def prose(text: str) -> list[str]:
    """In: Markdown. Out: it in pieces, each second one a block of code."""
    pieces, end = [], 0
    for block in FENCE.finditer(text):
        pieces += [text[end : block.start()], block.group()]
        end = block.end()
    return [*pieces, text[end:]]


def links(text: str) -> list[str]:
    """In: Markdown. Out: the files that it links to."""
    return [link for piece in prose(text)[::2] for link in LINK.findall(piece)]


# What MkDocs calls, in this order.


def on_config(config: Any) -> Any:
    """Anchors as they are where the pages stand."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the front page, and whatever a page leads to, which needs no place in the contents."""
    from mkdocs.structure.files import File, InclusionLevel

    waiting = [FRONT, *(source(file.src_uri) for file in files if file.is_documentation_page())]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if place(path) not in files.src_uris:
            here = {"abs_src_path": str(ROOT / path), "inclusion": InclusionLevel.NOT_IN_NAV}
            files.append(File.generated(config, place(path), **here))
        text = (ROOT / path).read_text(encoding="utf-8") if path.endswith(".md") else ""
        new = {found for found in (meant(link, path) for link in links(text)) if found} - seen
        seen |= new
        waiting += sorted(new)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links of the repository become links of the book."""
    here = page.file.src_uri

    def replaced(match: re.Match[str]) -> str:
        found = meant(match.group(1), source(here))
        if not found:
            return match.group(1)
        return posixpath.relpath(place(found), posixpath.dirname(here) or ".")

    pieces = prose(markdown)
    pieces[::2] = [LINK.sub(replaced, piece) for piece in pieces[::2]]
    return "".join(pieces)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Says so where a page would look other than in the repository: MkDocs reads lists and fences by rules of its own."""
    from markdown_it import MarkdownIt

    wanted = MarkdownIt("commonmark").enable("table").render(page.markdown)
    for name in STRUCTURE:
        tag = re.compile(rf"<{name}[ >]")
        here, there = len(tag.findall(html)), len(tag.findall(wanted))
        if here != there:
            log.warning("%s: %d <%s>, in CommonMark %d: %s", page.file.src_uri, here, name, there, REMEDY)
    return html


def on_post_build(config: Any) -> None:
    """Adds words to the index where text has none that spaces mark: each run of two to four Han characters."""
    path = Path(config.site_dir, "search", "search_index.json")
    index = json.loads(path.read_text(encoding="utf-8"))
    for entry in index["docs"]:
        for name in ("title", "text"):
            runs = HAN.findall(entry[name])
            words = {
                run[start : start + length]
                for run in runs
                for length in range(2, LONGEST_WORD + 1)
                for start in range(len(run) - length + 1)
            }
            entry[name] = " ".join([entry[name], *sorted(words)])
    path.write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")
