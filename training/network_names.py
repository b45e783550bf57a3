"""The client's networks and losses by name; apart from the network itself, so that `training --help` needs no torch."""

LOSSES = ("classify", "siamese", "triplet", "triplet-unbalanced")
NETWORKS: dict[str, tuple[int, ...]] = {
    "256-256": (256, 256),  # SMNRT21
    "512-256": (512, 256),  # SMNW3
    "512-256-256": (512, 256, 256),  # SMNRT42
}
