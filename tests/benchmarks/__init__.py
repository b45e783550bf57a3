"""Programs that measure; their figures depend on the machine, so no test holds them."""
