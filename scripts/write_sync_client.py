"""Make the client that blocks from the one that awaits, by leaving the waiting out.

    python scripts/write_sync_client.py            write conductor/client/*.py from conductor/client/aio/*.py
    python scripts/write_sync_client.py --check    only say whether they are as they would be written; exit 1 when not

Both are read, completed and typed as what they are, and neither can know something that the other does not.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "conductor" / "client"
WRITTEN = HERE / "aio"

# In this order; each as whole words.
WORDS = (
    (r"conductor\.client\.aio", "conductor.client"),
    (r"Callable\[\[float\], Awaitable\[object\]\]", "Callable[[float], object]"),
    (r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"Async(\w+)", r"\1"),
    (r"AbstractAsync(\w+)", r"Abstract\1"),
    (r"import asyncio", "import time"),
    (r"asyncio\.sleep", "time.sleep"),
    (r"asynccontextmanager", "contextmanager"),
    (r"async (def|with|for)", r"\1"),
    (r"aclosing", "closing"),
    (r"__a(enter|exit)__", r"__\1__"),
    (r"a(close|read|iter_bytes)", r"\1"),
    (r"connect_async", "connect"),
)
PROSE = {
    "An asynchronous client": "A client",
    "; in one event loop.": "; also from several threads at once.",
    "Belongs to one event loop.": "Safe to use from several threads.",
    "`async with` block": "`with` block",
    "(await client.wait(job.job_id)).exit_code": "client.wait(job.job_id).exit_code",
}
# Order and use of imports; a loop that yields what needs no waiting any more.
FIXES = "I,F401,F811,UP028"
NOTE = "# Made from `aio/{name}` by `scripts/write_sync_client.py`; change it there.\n"


def blocking(text: str, name: str) -> str:
    """The same module without its waiting, as the formatter would have it."""
    for said, instead in PROSE.items():
        text = text.replace(said, instead)
    text = _unawaited(text)
    for word, instead in WORDS:
        text = re.sub(rf"(?<!\w){word}(?!\w)", instead, text)
    end = text.index('"""\n', 3) + len('"""\n')
    text = text[:end] + "\n" + NOTE.format(name=name) + text[end:]
    for command in (["check", "--select", FIXES, "--fix", "--unsafe-fixes", "--quiet"], ["format"]):
        text = _ruff([*command, "--stdin-filename", str(HERE / name), "-"], text)
    return text


def _unawaited(text: str) -> str:
    """Without `await`, and without the parentheses that it needed before a dot."""
    while (found := re.search(r"(?<![\w)\]])\(await ", text)) is not None:
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        inside = text[found.end() : end - 1]
        text = text[: found.start()] + (inside if text[end] == "." else f"({inside})") + text[end:]
    return re.sub(r"(?<!\w)await ", "", text)


def _ruff(arguments: list[str], text: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=True, cwd=ROOT, encoding="utf-8"
    ).stdout


def main() -> int:
    stale = []
    for source in sorted(WRITTEN.glob("*.py")):
        target = HERE / source.name
        made = "" if source.name == "__init__.py" else blocking(source.read_text("utf-8"), source.name)
        if not made or (target.exists() and target.read_text("utf-8") == made):
            continue
        stale.append(target.name)
        if "--check" not in sys.argv:
            target.write_text(made, "utf-8")
    if "--check" in sys.argv:
        for name in stale:
            print(f"conductor/client/{name} is not what conductor/client/aio/{name} makes", file=sys.stderr)
        return 1 if stale else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
