"""No broken link: files, folders and headings that pages name exist. Addresses of the web are not asked for.

usage: check_links.py            the sources: every page in Markdown, and paths that stand in them as code
       check_links.py FOLDER     the site that was built there: every page in HTML, its files and its anchors
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

from pages import REPOSITORY, pages

_WEB = re.compile(r"^[a-z][a-z0-9+.-]*:", re.I)
#: Paths of the repository that pages name as code: `docs/...`, `Sources/...`, and so on.
_ROOTS = "docs|include|Sources|Tests|bindings|models|benchmarks|scripts|program|cmake"
_PATH = re.compile(rf"`((?:{_ROOTS})/[\w./+-]*\w)`")


def text_of(page: Path) -> str:
    """A page without its blocks and comments."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", text, flags=re.M | re.S)
    return re.sub(r"<!--.*?-->", "", text, flags=re.S)


def anchors(page: Path) -> set[str]:
    """What a page can be linked at: its headings as GitHub and MyST spell them, and targets of its own."""
    text = text_of(page)
    found = set(re.findall(r'(?:id|name)="([^"]+)"', text)) | set(re.findall(r"^\(([\w-]+)\)=$", text, flags=re.M))
    for title in re.findall(r"^#+ +(.*?) *#*$", text, flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(next(name for name in (slug, *(f"{slug}-{n}" for n in range(1, 99))) if name not in found))
    return found


def check_page(page: Path) -> list[str]:
    """What is wrong with the links of a page."""
    text = text_of(page)
    place = page.relative_to(REPOSITORY)
    prose = re.sub(r"(`+).*?\1", lambda code: "`" * len(code[0]), text)
    references = dict(re.findall(r"^\[([^\]]+)\]: +(\S+)", prose, flags=re.M))
    links = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", prose) + list(references.values())
    links += re.findall(r'(?:href|src)="([^"]+)"', prose)
    bad = [f"{place}: [{name}] is not said" for name in re.findall(r"\]\[([^\]]+)\]", prose) if name not in references]
    for link in links:
        if _WEB.match(link):
            continue
        name, anchor = urldefrag(unquote(link))
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            bad.append(f"{place}: {link}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            bad.append(f"{place}: {link}: there is no such heading")
    paths = _PATH.findall(text) if place.name != "CHANGELOG.md" else []
    return bad + [f"{place}: `{path}`: there is no such file" for path in paths if not _exists(path, page.parent)]


def _exists(path: str, folder: Path) -> bool:
    """Whether the repository, or a page's folder, has a path, or one that begins so: `Sources/A/B` for `B.swift`.

    Build folders come and go, and `your_...` is the reader's.
    """
    if "/.build" in path or "/your_" in path:
        return True
    return any(
        found.exists() or any(found.parent.glob(f"{found.name}*")) for found in (REPOSITORY / path, folder / path)
    )


class _Page(HTMLParser):
    """The anchors of a page in HTML, and where it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def check_site(folder: Path) -> list[str]:
    """What is wrong with the links of a site."""
    found = {path.resolve(): _Page(path) for path in folder.rglob("*.html")}
    bad = []
    for path, page in found.items():
        for link in page.links:
            if _WEB.match(link) or link.startswith("//"):
                continue
            name, anchor = urldefrag(unquote(link))
            name = name.partition("?")[0]
            target = (path.parent / name).resolve() if name else path
            if not target.exists():
                bad.append(f"{path.relative_to(folder.resolve())}: {link}: there is no such file")
            elif anchor and target in found and anchor not in found[target].anchors:
                bad.append(f"{path.relative_to(folder.resolve())}: {link}: there is no such anchor")
    return bad if len(found) > 20 else [f"only {len(found)} pages in {folder}"]


def main() -> int:
    """Tells what is wrong; 1 where something is."""
    if len(sys.argv) > 1:
        bad = check_site(Path(sys.argv[1]))
    else:
        bad = [problem for page in pages() for problem in check_page(page)]
    print(*(f"FAILED: {problem}" for problem in bad), sep="\n")
    print("links of", f"the site {sys.argv[1]}" if len(sys.argv) > 1 else f"{len(pages())} pages", "were followed")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
