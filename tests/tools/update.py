"""Bring a learner's course up to date, and keep what the learner wrote.

`python3 course.py update` calls this file. Standard library only.

Notebooks are not merged by lines, which could leave a page that no longer opens. Of
each notebook the new version is taken, cell by cell: a cell that the learner has changed
keeps what the learner wrote, a cell of the learner's own stays behind the one it stood
behind. Outputs are those of the new version. What there was before is kept in the folder
`.before-update`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ".before-update"
Page = dict[str, Any]


class Trouble(Exception):
    """What is wrong and what to do about it, in a sentence."""


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Trouble(f"`git {' '.join(arguments)}` failed: {words[-1] if words else 'no reason'}")
    return done.stdout


def update(root: Path = ROOT) -> list[str]:
    """Take the new version of the course; the notebooks in which something was kept.

    Raises Trouble, and leaves everything as it was, where git cannot take it.
    """
    changed = [name for name in git(root, "diff", "--name-only", "-z", "HEAD").split("\0") if name]
    others = [name for name in changed if not name.endswith(".ipynb")]
    if others:
        raise Trouble(f"{others[0]} was changed here, too; commit it, and pull by git itself.")
    mine = {name: (root / name).read_text(encoding="utf-8") for name in changed
            if (root / name).exists()}  # fmt: skip
    old = {name: git(root, "show", f"HEAD:{name}") for name in mine}
    for name, text in mine.items():
        copy = root / KEPT / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8", newline="\n")
    if changed:
        git(root, "checkout", "HEAD", "--", *changed)
    try:
        git(root, "pull", "--ff-only", "--quiet")
    except Trouble:
        for name in mine:
            shutil.copyfile(root / KEPT / name, root / name)
        raise
    kept = []
    for name, text in mine.items():
        if not (root / name).exists():
            continue  # the new version has no such notebook; it is in KEPT
        new = json.loads((root / name).read_text(encoding="utf-8"))
        if keep(new, json.loads(old[name]), json.loads(text)):
            page = json.dumps(new, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
            (root / name).write_text(page, encoding="utf-8", newline="\n")
            kept.append(name)
    return kept


def keep(new: Page, old: Page, mine: Page) -> bool:
    """Put into `new` what the learner wrote since `old`; whether there was anything."""
    before = {cell["id"]: _source(cell) for cell in old["cells"] if "id" in cell}
    fresh = {cell["id"]: cell for cell in new["cells"] if "id" in cell}
    found, above = False, None
    for cell in mine["cells"]:
        name = cell.get("id")
        written = _source(cell) != before.get(name)
        if name in fresh:
            if written and cell["cell_type"] == fresh[name]["cell_type"]:
                fresh[name]["source"] = cell["source"]
                found = True
            above = name
        elif written and _source(cell).strip():  # of the learner's own, or gone in the new version
            ids = [each.get("id") for each in new["cells"]]
            new["cells"].insert(ids.index(above) + 1 if above in ids else 0, cell)
            found, above = True, name
    return found


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def main(root: Path = ROOT) -> int:
    try:
        kept = update(root)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    print("The course is up to date.")
    if kept:
        print(f"What you wrote stands in {', '.join(kept)}. All as it was is in {KEPT}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
