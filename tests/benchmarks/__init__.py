"""Programs that measure; their figures depend on the machine, so no test holds them. Libraries get one thread each."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # before they are loaded
    os.environ.setdefault(name, "1")
