"""Tells the main content of an HTML page from navigation, by its landmarks, its names of classes and its links.

The thresholds are for pages as they are saved; what a page without any of these signs says is all taken.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import PageElement, Tag

_NAVIGATION = frozenset({"nav", "aside", "footer", "dialog", "menu"})
_ROLES = frozenset({"navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar", "dialog"})
_NAMES = "nav|navbar|navigation|menu|sidebar|breadcrumbs?|footer|masthead|toc|pagination|pager|cookies?|consent|share"
_NAMES += "|sharing|social|related|newsletter|subscribe|ads?|advert|advertisement|promo|skip|jump-link|editsection"
_NAMES += "|headerlink|noprint|sr-only|visually-hidden"
_CLASS = re.compile(rf"(?:.*[-_])?(?:{_NAMES})")
_LINKED = frozenset({"ul", "ol", "dl", "table", "div", "section", "form"})
_WRAPPERS = frozenset({"html", "body", "main", "article"})
_MOSTLY = 0.7  # of the text of a block is in links: it is a menu
_LINKS = 3  # that make a menu
_SHORT = 40  # characters a link, in the mean; longer ones are titles of what a page is about


class Extract(NamedTuple):
    """What of a page is its main content.

    Attributes:
        roots: the elements that hold it.
        dropped: `id()` of those in them that do not belong to it.
        declared: the page itself says which elements it is in.
    """

    roots: list["Tag"]
    dropped: set[int]
    declared: bool


class _Size(NamedTuple):
    characters: int = 0
    linked: int = 0
    links: int = 0


def extract(soup: "BeautifulSoup") -> Extract:
    """Find the main content: in `<main>`, else in the outermost `<article>` elements, else in the whole page."""
    roots: list[Tag] = soup.select("main, [role=main]")[:1]
    if not roots:
        roots = [article for article in soup.find_all("article") if article.find_parent("article") is None]
    declared = bool(roots)
    roots = roots or [soup]
    sizes = _sizes(soup)
    dropped: set[int] = set()
    for root in roots:
        whole = sizes[id(root)].characters
        for tag in root.find_all(True):
            size = sizes[id(tag)]
            if _is_hidden(tag) or (size.characters * 2 <= whole and _is_aside(tag, size, declared)):
                dropped.add(id(tag))
    return Extract(roots, dropped, declared)


def _is_hidden(tag: "Tag") -> bool:
    return tag.has_attr("hidden") or tag.get("aria-hidden") == "true"


def _is_aside(tag: "Tag", size: _Size, declared: bool) -> bool:
    if tag.name in _WRAPPERS:
        return False
    if tag.name in _NAVIGATION or tag.get("role") in _ROLES or (tag.name == "header" and not declared):
        return tag.name != "header" or tag.find("h1") is None
    names = [*tag.get_attribute_list("class"), tag.get("id")]
    if any(name and _CLASS.fullmatch(str(name).lower()) for name in names):
        return True
    is_menu = size.links >= _LINKS and size.linked >= _MOSTLY * size.characters
    if not is_menu or tag.name not in _LINKED or size.linked >= _SHORT * size.links:
        return False
    in_table = tag.name == "table" or tag.find_parent("table") is not None
    return not (declared and in_table)  # a list of links in a table of facts is one of them


def _sizes(soup: "BeautifulSoup") -> dict[int, _Size]:
    """What each element holds, inner ones first, so that every text is counted once for each element above it."""
    from bs4.element import Tag

    sizes: dict[int, _Size] = {}
    stack: list[tuple[Tag, bool]] = [(soup, False)]
    while stack:
        tag, seen = stack.pop()
        if not seen:
            stack.append((tag, True))
            stack += [(child, False) for child in tag.contents if isinstance(child, Tag)]
            continue
        own = [sizes[id(child)] if isinstance(child, Tag) else _text_size(child) for child in tag.contents]
        characters = sum(size.characters for size in own)
        if tag.name == "a":
            sizes[id(tag)] = _Size(characters, characters, 1)
        elif tag.name in {"script", "style", "template", "noscript"}:
            sizes[id(tag)] = _Size()
        else:
            sizes[id(tag)] = _Size(characters, sum(size.linked for size in own), sum(size.links for size in own))
    return sizes


def _text_size(node: "PageElement") -> _Size:
    from bs4.element import NavigableString, PreformattedString

    if isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
        return _Size(sum(map(len, node.split())))
    return _Size()
