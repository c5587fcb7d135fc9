"""``python -m benchmarks`` is ``bn-bench``."""

import sys

from bn_impls.cli import main

sys.exit(main())
