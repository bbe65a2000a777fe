"""Makes the helpers beside this file, and those of other tests, importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent

sys.path += [
    str(HERE),
    str(TESTS / "core" / "helpers"),
    str(TESTS / "adapters" / "models" / "signatures"),
]
