"""``python -m benchmarks.calibration`` is ``bn-bench calibrate``."""

import sys

from benchmarks.calibration.command import main

sys.exit(main())
