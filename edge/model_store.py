"""From a bundle's file to an inspector that has proved itself on this device."""

import os
from pathlib import Path

from edge.bundle import Bundle, decode, map_digest
from edge.errors import BundleError
from edge.inspection import Inspector, self_test
from edge.interfaces import Embedder
from edge.manifest import LARGEST_BUNDLE_BYTES
from edge.record import ModelName


def read_bundle(path: Path) -> Bundle:
    """The model in a file. Raises BundleError, naming the file, if it cannot be read or is not exactly a bundle."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BUNDLE_BYTES + 1)  # one more than decode takes
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    try:
        return decode(raw)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def arm(bundle: Bundle, embedder: Embedder) -> Inspector:
    """An inspector that found the bundle's golden results again. Raises ModelError if it did not."""
    inspector = Inspector(bundle, embedder)
    self_test(bundle, inspector)
    return inspector


def name_of(bundle: Bundle) -> ModelName:
    """What a record says of the model."""
    manifest = bundle.manifest
    return ModelName(
        product=manifest.product,
        serial=manifest.serial,
        sha256=bundle.sha256,
        map_sha256=map_digest(bundle),
        calibrated_limit=manifest.limit.calibrated,
    )
