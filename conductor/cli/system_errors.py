"""What the operating system says when a file or a device refuses, in the reader's language."""

from typing import TYPE_CHECKING

from conductor.core.said import in_language, system_words

if TYPE_CHECKING:
    from conductor.cli.screen import Screen


def told(error: OSError, screen: "Screen") -> str:
    """Within a sentence of ours."""
    said = in_language(system_words(error), screen.language)
    return said[:1].lower() + said[1:]
