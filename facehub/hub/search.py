"""Listings of a hub: the repositories that match a search."""

from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

from huggingface_hub import ModelInfo

from .client import Client, checked
from .watchdog import Heartbeat

LISTING_FIELDS = [
    "cardData",
    "downloads",
    "gated",
    "lastModified",
    "likes",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "tags",
]
"""What a listing requests of each repository."""

SORTS = {
    "downloads": "downloads",
    "likes": "likes",
    "last_modified": "lastModified",
    "trending_score": "trendingScore",
}


def listing(
    client: Client, tags: Iterable[str], text: str, author: str, sort: str, limit: int
) -> list[ModelInfo]:
    """Repositories that have all these tags.

    `HfApi.list_models` waits without a limit, sleeps up to half a minute between tries, closes the
    shared session when there is no network, and gives up a whole listing for one card that it cannot
    parse (a key `self` in the front matter, say). So we send its request ourselves, and parse its
    records one by one.
    """
    query = {
        "filter": [*tags],
        "search": text,
        "author": author,
        "sort": SORTS.get(sort),
        "limit": limit,
        "expand": LISTING_FIELDS,
    }

    def work(beat: Heartbeat) -> list[ModelInfo]:
        found: list[ModelInfo] = []
        left = urlencode({key: value for key, value in query.items() if value}, doseq=True)
        while left and len(found) < limit:
            beat()
            response = client.get(f"/api/models?{left}")
            for item in response.json():
                with suppress(TypeError, ValueError, KeyError, AttributeError, OverflowError):
                    found.append(checked(ModelInfo(**item)))
            # Only the query of the next page's address is used: the token goes to no other host, and a
            # mirror may name the hub that it mirrors.
            left = urlsplit(response.links.get("next", {}).get("url", "")).query
        return found[:limit]

    return client.request(work)
