"""The client's two networks by name; apart from the network itself, so that `training --help` needs no torch."""

NETWORKS: dict[str, tuple[int, ...]] = {"256-256": (256, 256), "512-256-256": (512, 256, 256)}
