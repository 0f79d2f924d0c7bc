"""What a look at a folder means against what was known: losses, or a fault.

A folder that is suddenly empty or unreadable is a fault of the box, never a thousand deletions.
"""

SUSPICIOUS_FROM = 3
"""So many recordings do not all vanish from one look to the next; fewer may."""


def fault(known: int, seen: int, other_disk: bool, error: str = "") -> str:
    """Why a look says nothing of what is missing; empty: what was not seen is gone.

    ``known``: recordings listed before; ``seen``: how many of them were found again;
    ``other_disk``: the folder lies on another file system than before; ``error``: why the folder
    could not be read, or empty.
    """
    if error:
        return error
    if seen or not known:
        return ""
    if other_disk:
        return "another disk is in its place: recordings of the former one are not in the box"
    if known >= SUSPICIOUS_FROM:
        return "the folder is suddenly empty: unmounted, or wiped"
    return ""
