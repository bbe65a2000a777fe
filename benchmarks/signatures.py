"""Exports of models of known truth, and what `latent-analyze encode` makes of them.

Generates small models with many kinds of files, values and outputs, encodes data with each of
them, and prints what was found against what is true.

    python benchmarks/signatures.py FOLDER
    python benchmarks/signatures.py FOLDER --only generate --kinds drawn,tables
    python benchmarks/signatures.py FOLDER --tenth
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the cases")
    parser.add_argument("--only", choices=("generate", "grade"), help="do only this; default both")
    parser.add_argument("--seeds", type=int, default=1, help="cases per variant; default 1")
    parser.add_argument("--tenth", action="store_true", help="a tenth, always the same")
    parser.add_argument("--kinds", default="", help="some kinds, separated by commas; default all")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time; default 2")
    parser.add_argument("--list", action="store_true", help="list the cases and do nothing")
    return parser.parse_args()


def main() -> int:
    from exports.generating import generate
    from exports.grading import grade_all
    from exports.kinds import variants

    given = arguments()
    kinds = [kind for kind in given.kinds.split(",") if kind]
    chosen = variants(given.seeds, kinds, tenth=given.tenth)
    if given.list:
        print("\n".join(variant.name for variant in chosen))
        return 0
    failed = generate(chosen, given.folder, given.jobs) if given.only != "grade" else 0
    if given.only == "generate":
        return int(failed > 0)
    return grade_all(given.folder, {variant.name for variant in chosen}, given.jobs)


if __name__ == "__main__":
    sys.exit(main())
