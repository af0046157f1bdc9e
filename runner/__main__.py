"""``python -m runner``."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts the working directory first, before its own library: whatever lies there would be imported in the
    # place of what is installed. It stays where it is what the program itself comes from.
    try:
        here = os.getcwd()
    except FileNotFoundError:
        sys.exit("error: the working directory was removed. Change to one that is there.")
    if not sys.flags.safe_path and sys.path[:1] == [here] and Path(__file__).parent.parent != Path(here):
        del sys.path[0]

    from runner.cli import main

    main()
