"""Following a server's links: they are made absolute, and a read that never ends is stopped."""

from collections import deque
from dataclasses import replace
from urllib.parse import urljoin

from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.errors import Unavailable

REPEATED_PAGES = 500
"""A read ends with an error after this many consecutive pages that are empty or repeat earlier ones."""
REMEMBERED_PAGES = 16
"""Pages that a page is compared with: a server may alternate several pages under ever new links."""


def absolute(link: str, request: str, api_root: str) -> str:
    """A link of an answer as an absolute URL; a bare query is relative to the request that was answered."""
    try:
        return urljoin(request if link.startswith("?") else api_root, link)
    except ValueError:  # `own_url` reports what is wrong with it
        return link


def with_absolute_links(page: Page, request: str, api_root: str) -> Page:
    """The page with absolute links."""
    following = page.next_link and absolute(page.next_link, request, api_root)
    changes = page.delta_link and absolute(page.delta_link, request, api_root)
    if following == page.next_link and changes == page.delta_link:
        return page
    return replace(page, next_link=following, delta_link=changes)


class PageLoopGuard:
    """Stops a read whose pages lead to an earlier page, or bring nothing new without end."""

    def __init__(self, host: str, what: str, first: str) -> None:
        self._where = f"{host}, reading {what}"
        self._links = {hash(first)}
        self._recent: deque[int] = deque(maxlen=REMEMBERED_PAGES)
        self._repeated = 0

    def check(self, page: Page) -> None:
        """Raises Unavailable when the page links to an earlier page, or too many pages brought nothing new."""
        if page.next_link is None:
            return
        if hash(page.next_link) in self._links:
            raise Unavailable(f"{self._where}: a page links to a page that was read before.")
        self._links.add(hash(page.next_link))
        content = hash(tuple(page.rows))
        nothing_new = not page.deleted and (not page.rows or content in self._recent)
        self._repeated = self._repeated + 1 if nothing_new else 0
        self._recent.append(content)
        if self._repeated >= REPEATED_PAGES:
            raise Unavailable(f"{self._where}: {REPEATED_PAGES} consecutive pages are empty or repeated.")
