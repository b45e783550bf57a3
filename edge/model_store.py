"""From a bundle's file to an inspector that has proved itself on this device."""

import os
from pathlib import Path

import numpy as np

from edge.bundle import Bundle, decode, map_digest
from edge.errors import BundleError, ModelError
from edge.inspection import Inspector, self_test
from edge.interfaces import Embedder
from edge.manifest import LARGEST_BUNDLE_BYTES
from edge.record import ModelName
from edge.seal import SEAL_BYTES, without_seal

EMBEDDING_TOLERANCE = 1e-3  # of its length; export allows a tenth of that between torch and onnxruntime


def read_bundle(path: Path) -> Bundle:
    """The model in a file, whoever made it; for a station see `trust.py`.

    Raises BundleError, naming the file, if it cannot be read or is not exactly a bundle.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(SEAL_BYTES + LARGEST_BUNDLE_BYTES + 1)  # one more than decode takes
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    try:
        return decode(without_seal(raw))
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def arm(bundle: Bundle, embedder: Embedder) -> Inspector:
    """An inspector that found the bundle's golden results again. Raises ModelError if it did not."""
    check_embeddings(bundle, embedder)
    inspector = Inspector(bundle, embedder)
    self_test(bundle, inspector)
    return inspector


def check_embeddings(bundle: Bundle, embedder: Embedder) -> None:
    """The network alone, on the very maps that were taught. Raises ModelError where it gives other embeddings here."""
    for entry, golden in zip(bundle.manifest.golden, bundle.golden, strict=True):
        found = embedder.embed(golden.cell_map)
        off = float(np.linalg.norm(found - golden.embedding))
        if off > EMBEDDING_TOLERANCE * float(np.linalg.norm(golden.embedding)):
            raise ModelError(f"self-test: the embedding of {entry.picture} is not the one that was taught")


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
