"""Find the few replacements that a world fails with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.hostile.replacements import Replacement


def shrunk(
    chosen: Sequence[Replacement], fails: Callable[[Sequence[Replacement]], bool], tries: int = 15
) -> list[Replacement]:
    """Fewer replacements that still fail: parts are left out as long as the rest fails, in at most ``tries`` builds."""
    left, parts = list(chosen), 2
    while len(left) > 1 and tries > 0:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            # First try a part alone, which removes most; of two parts, what one leaves is the other.
            candidates = [left[start : start + size]] if parts == 2 else [left[:start] + left[start + size :]]
            found = next((one for one in candidates if one and tries > 0 and attempt(fails, one)), None)
            tries -= 1
            if found is not None or tries <= 0:
                break
        else:
            found = None
        if found is not None:
            left, parts = found, 2 if parts == 2 else max(parts - 1, 2)
        elif parts >= len(left):
            break
        else:
            parts = min(parts * 2, len(left))
    return left


def attempt(fails: Callable[[Sequence[Replacement]], bool], candidate: Sequence[Replacement]) -> bool:
    return fails(candidate)
