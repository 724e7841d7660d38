"""How the system is built, deployed and run: templates, packages, the route table and the local launcher."""

import sys
from pathlib import Path

# In Lambda the shared layer is on the path; here this line puts it there.
_LAYERS = str(Path(__file__).resolve().parent.parent / "layers")
if _LAYERS not in sys.path:
    sys.path.insert(0, _LAYERS)
