"""What runs open, which version an alias is for them, and how that becomes part of the catalog.

While a run goes on, all of it is in its directory `runs/<id>/` (docs/FORMAT.md, "Runs"): workers of a mount write there
without a lock of the index. `fold` makes edges of it. `graph` walks these, and the modules beside it write down
what it meets.
"""

from artfs.lineage.capture import Capture
from artfs.lineage.fold import fold, settle
from artfs.lineage.home import RunHome, RunsHome
from artfs.lineage.live import used_now
from artfs.lineage.pins import pin_version

__all__ = ["Capture", "RunHome", "RunsHome", "fold", "pin_version", "settle", "used_now"]
