"""Write the table of docs/settings.md from the settings' own model and the catalogue of Chinese meanings.

    python scripts/list_settings.py            write the table, between its marks
    python scripts/list_settings.py --check    only say whether it is as it would be written; exit 1 when not

Names, defaults and meanings are the code's own. What stands outside the marks is written by hand.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "settings.md"
BEGIN, END = "<!-- written by scripts/list_settings.py -->\n", "<!-- end of the table -->\n"


def table() -> str:
    """One row a setting, in the model's order. Both know the same settings, or nothing is written."""
    from conductor.setting_meanings import CHINESE
    from conductor.settings import Settings, variable_of

    if different := sorted(CHINESE.keys() ^ Settings.model_fields.keys()):
        raise SystemExit(
            f"only one of conductor/settings.py and conductor/setting_meanings.py has: {different}"
        )

    rows = ["| variable | default | meaning | 含义 |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory is not None else _shown(field.default)
        meanings = [text.replace("|", "\\|") for text in (field.description or "", CHINESE[name])]
        rows.append(
            " | ".join([f"| `{variable_of(name)}`", f"`{default}`" if default else "", *meanings]) + " |"
        )
    return "\n".join(rows) + "\n"


def document(now: str) -> str:
    """The whole text of docs/settings.md, of which only the table is made anew."""
    before, _, rest = now.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{DOCUMENT} lacks the marks between which the table stands: {BEGIN}{END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _shown(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def main(arguments: list[str]) -> int:
    now = DOCUMENT.read_text("utf-8")
    text = document(now)
    if arguments == ["--check"]:
        if text != now:
            print(f"{DOCUMENT} is out of date: run scripts/list_settings.py", file=sys.stderr)
        return 0 if text == now else 1
    DOCUMENT.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
