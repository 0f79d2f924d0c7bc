"""What the documentation points at exists: files, headings, and names in the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("requirements/*.md")])
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:agent|central|sim|tests|scripts|docs|requirements|\.ci)/[\w./*-]+)`")
DOTTED = re.compile(r"[a-z_]+(\.[A-Za-z_]+)+")


def _prose(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def _links(page: Path) -> Iterator[tuple[str, str, str]]:
    """Text, path and heading of every link that stays inside the repository."""
    for text, target in LINK.findall(_prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield text, path, heading


def _heading_ids(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def _defines(file: Path, name: str) -> bool:
    return bool(re.search(rf"^(?:async )?(?:def|class) {name}\b", file.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPage:
    def test_linked_files_exist(self, page: Path) -> None:
        missing = [p for _, p, _ in _links(page) if p and not (page.parent / p).exists()]
        assert missing == []

    def test_linked_headings_exist(self, page: Path) -> None:
        missing = []
        for _, path, heading in _links(page):
            target = (page.parent / path) if path else page
            if heading and heading not in _heading_ids(target):
                missing.append(f"{path}#{heading}")
        assert missing == []

    def test_named_paths_exist(self, page: Path) -> None:
        missing = [p for p in NAMED.findall(_prose(page)) if not any(ROOT.glob(p.rstrip("/")))]
        assert missing == []

    def test_a_link_to_code_is_named_for_what_the_file_holds(self, page: Path) -> None:
        """``[core.plan.choose](…/core/plan.py)``: the module is that file, which defines it."""
        wrong = []
        for text, path, _ in _links(page):
            if not path.endswith(".py") or not DOTTED.fullmatch(text):
                continue
            file = (page.parent / path).resolve()
            *folders, last = text.split(".")
            as_module = [*folders, last]
            module = list(file.with_suffix("").parts)
            if module[-len(as_module) :] == as_module:
                continue
            if module[-len(folders) :] != folders or not _defines(file, last):
                wrong.append(text)
        assert wrong == []


def test_there_are_pages() -> None:
    assert ROOT / "README.md" in PAGES
    assert ROOT / "docs" / "architecture.md" in PAGES
