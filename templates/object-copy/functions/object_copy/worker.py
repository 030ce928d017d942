"""The two ways without functions, for a machine that may read the one bucket and write the other.

``SOURCE_BUCKET`` and ``DESTINATION_BUCKET`` name them, ``THREADS`` how many copies run at once; with one,
objects are copied one by one.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

from objects import Item, copy, listed

THREADS = 64

logger = logging.getLogger(__name__)


def _copy(item: Item) -> bool:
    return copy(os.environ["SOURCE_BUCKET"], os.environ["DESTINATION_BUCKET"], item)


def one_by_one() -> int:
    """Copy every object after the other. Answers how many were copied."""
    return sum(_copy(item) for item in listed(os.environ["SOURCE_BUCKET"]))


def by_threads() -> int:
    """Copy several objects at once. Answers how many were copied; raises the first error after all ended."""
    with ThreadPoolExecutor(int(os.environ.get("THREADS", THREADS))) as pool:
        return sum(pool.map(_copy, listed(os.environ["SOURCE_BUCKET"])))


def main() -> None:
    """Copy what ``THREADS`` says."""
    copied = one_by_one() if os.environ.get("THREADS") == "1" else by_threads()
    logger.info("%d objects copied", copied)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
