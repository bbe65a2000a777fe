"""Makes the modules under ``helpers/`` importable for tests and for their child processes."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "helpers"))
