"""Write down the golden curves anew: python -m tests.golden.record.

Only after a change that is meant to change what a run computes; say in its commit which, and why.
"""

import json
import tempfile
from pathlib import Path

from tests.golden.compositions import STORED, measure

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        STORED.write_text(json.dumps(measure(Path(folder)), indent=1) + "\n")
    print(f"{STORED} written")
