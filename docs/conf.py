"""The site: what Sphinx reads, and how it looks. scripts/docs builds it, and sets ATTEND_DOCS to the folder for it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("ATTEND_DOCS", REPOSITORY / "build" / "docs"))
sys.path.insert(0, str(REPOSITORY / "bindings" / "python"))

project, author = "Attend", "the Attend project"
HEADER = (REPOSITORY / "include" / "attend.h").read_text(encoding="utf-8")
release = ".".join(re.findall(r"^#define ATTEND_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", HEADER, flags=re.M))

extensions = ["breathe", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["site", "images"]
nitpicky = True
# Types of the standard library and of numpy are named and have no page here; C's have none at all.
nitpick_ignore_regex = [("py:.*", r"(?!attend\.(?!_)).*"), ("c:identifier", r"(?!attend_).*")]

# Pages that are not written yet have their place in the contents.
suppress_warnings = ["toc.not_readable"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
myst_all_links_external = False

breathe_projects = {"attend": str(BUILD / "doxygen" / "xml")}
breathe_default_project = "attend"
breathe_domain_by_extension = {"h": "c"}
breathe_show_include = False

autodoc_mock_imports = ["matplotlib", "pandas", "pyarrow", "pyspark", "ray", "sklearn"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("Ids", "Sequences", "Inputs", "Texts", "Path", "Float32Array")}
python_use_unqualified_type_names = True
maximum_signature_line_length = 100
add_module_names = False

html_theme = "furo"
html_title = f"Attend {release}"
html_static_path = ["site/static"]
html_css_files = ["attend.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
copybutton_exclude = ".linenos, .gp, .go"


#: Pages of the site that are files elsewhere in the repository: a page is one line that includes one.
INCLUDE = re.compile(r"^```\{include\} (\S+)\n```\n*$")
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s:#]+)(#[^)\s]*)?\)")


def included() -> dict[Path, str]:
    """The files that pages include, and the names of these pages."""
    found = {}
    for page in REPOSITORY.glob("docs/**/*.md"):
        if match := INCLUDE.match(page.read_text(encoding="utf-8")):
            name = page.relative_to(REPOSITORY / "docs").with_suffix("").as_posix()
            found[(page.parent / match[1]).resolve()] = f"/{name}.md"
    return found


def follow_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Links work in the repository; this makes those that leave docs/ work in the site too.

    A file that is a page here becomes a link to that page, another file one that downloads it, a folder its name.
    """
    page = REPOSITORY / "docs" / f"{name}.md"
    if not page.exists():
        return
    if match := INCLUDE.match(source[0]):
        page = (page.parent / match[1]).resolve()
        source[0] = page.read_text(encoding="utf-8")
    pages = included()

    def link(match: re.Match[str]) -> str:
        text, path, anchor = match[1], match[2], match[3] or ""
        target = (page.parent / path).resolve()
        inside = REPOSITORY / "docs" in target.parents
        if target in pages:
            return f"{text}({pages[target]}{anchor})"
        if inside or text.startswith("!"):
            return f"{text}(/{os.path.relpath(target, REPOSITORY / 'docs')}{anchor})"
        return f"{text}(path:/{os.path.relpath(target, REPOSITORY / 'docs')})" if target.is_file() else text[1:-1]

    source[0] = LINK.sub(link, source[0])


def setup(app: Sphinx) -> None:
    """Public names are documented where a program finds them, not in the file that holds them."""
    import attend

    for name in attend.__all__:
        found = getattr(attend, name)
        if getattr(found, "__module__", "").startswith("attend."):
            found.__module__ = "attend"
    app.connect("source-read", follow_links)
