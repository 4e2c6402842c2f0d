"""What the environment says of terminals, by their own customs.

Refuses to know our settings: these words belong to every program.
"""

import os


def colour_wish() -> bool | None:
    """By NO_COLOR (no-color.org), FORCE_COLOR and TERM=dumb; None: as the terminal is."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return False if terminal_is_dumb() else None


def terminal_is_dumb() -> bool:
    """Whether it can neither colour nor move its cursor: an editor's shell, a serial line."""
    return os.environ.get("TERM") == "dumb"
