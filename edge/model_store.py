"""From a bundle's file to an inspector that has proved itself on this device."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge.bundle import Bundle, decode, map_digest
from edge.errors import BundleError, ModelError
from edge.inspection import Inspector, self_test
from edge.interfaces import Embedder
from edge.joined import Model, decode_model
from edge.kinds import AnyKind, Kind
from edge.manifest import LARGEST_BUNDLE_BYTES
from edge.record import ModelName
from edge.seal import SEAL_BYTES, without_seal
from edge.verdict import Outcome, Reason

EMBEDDING_TOLERANCE = 1e-3  # of its length; export allows a tenth of that between torch and onnxruntime

Found = TypeVar("Found")


def read_bundle(path: Path) -> Bundle:
    """The model of one kind in a file, whoever made it.

    Raises BundleError, naming the file, if it cannot be read or is not exactly a bundle of one kind.
    """
    return _read(path, decode)


def read_model(path: Path) -> Model:
    """The model in a file, of one kind or several, whoever made it; for a station see `trust.py`.

    Raises BundleError, naming the file, if it cannot be read or is not exactly a bundle.
    """
    return _read(path, decode_model)


def _read(path: Path, read: Callable[[bytes], Found]) -> Found:
    try:
        with path.open("rb") as file:
            raw = file.read(SEAL_BYTES + LARGEST_BUNDLE_BYTES + 1)  # one more than a bundle may have
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    try:
        return read(without_seal(raw))
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def arm(bundle: Bundle, embedder: Embedder) -> Inspector:
    """An inspector that found the bundle's golden results again. Raises ModelError if it did not."""
    check_embeddings(bundle, embedder)
    inspector = Inspector(bundle, embedder)
    self_test(bundle, inspector)
    return inspector


def arm_kinds(model: Model, open_embedder: Callable[[Bundle], Embedder]) -> tuple[Inspector, ...]:
    """An inspector for each kind, that found the golden results of its kind again. Raises ModelError if one did not."""
    found = []
    for number, bundle in enumerate(model.kinds):
        try:
            found.append(arm(bundle, open_embedder(bundle)))
        except ModelError as error:
            raise ModelError(f"kind '{model.names[number]}': {error}" if model.names else str(error)) from error
    return tuple(found)


def kinds_of(model: Model, inspectors: Sequence[Inspector]) -> tuple[Kind, ...]:
    """What judges each kind, under the name that a record says. inspectors: in the order of the kinds."""
    return tuple(
        Kind(model=name_of(bundle), inspect=inspector.inspect)
        for bundle, inspector in zip(model.kinds, inspectors, strict=True)
    )


def check_told_apart(model: Model, kinds: Sequence[Kind]) -> None:
    """The golden pictures of every kind before all kinds together. Raises ModelError where one is taken for another.

    Good ones must be good and of their own kind, others must not be good of any.
    """
    together = AnyKind(kinds)
    for own, bundle in zip(kinds, model.kinds, strict=True):
        for entry, golden in zip(bundle.manifest.golden, bundle.golden, strict=True):
            found = together.inspect(golden.frame)
            is_good, is_own = found.verdict.reason is Reason.WITHIN_LIMIT, found.model == own.model
            if entry.outcome is not Outcome.NG and not (is_good and is_own):
                raise ModelError(
                    f"self-test: {entry.picture} of {own.model.product} is good, and is {found.verdict.outcome} as "
                    f"{found.model.product}: the kinds cannot be told apart, so they need bundles of their own"
                )
            if entry.outcome is Outcome.NG and is_good:
                raise ModelError(
                    f"self-test: {entry.picture} of {own.model.product} is defective, and passes as a good "
                    f"{found.model.product}: the kinds cannot be told apart, so they need bundles of their own"
                )


def check_embeddings(bundle: Bundle, embedder: Embedder) -> None:
    """The network alone, on the very maps that were taught. Raises ModelError where it gives other embeddings here."""
    for entry, golden in zip(bundle.manifest.golden, bundle.golden, strict=True):
        found = embedder.embed(golden.cell_map)
        off = float(np.linalg.norm(found - golden.embedding))
        if off > EMBEDDING_TOLERANCE * float(np.linalg.norm(golden.embedding)):
            raise ModelError(f"self-test: the embedding of {entry.picture} is not the one that was taught")


def name_of(bundle: Bundle) -> ModelName:
    """What a record says of the model, or of a kind of it."""
    manifest = bundle.manifest
    return ModelName(
        product=manifest.product,
        serial=manifest.serial,
        sha256=bundle.sha256,
        map_sha256=map_digest(bundle),
        window="" if manifest.map.window is None else str(manifest.map.window),
        calibrated_limit=manifest.limit.calibrated,
    )


def full_name_of(model: Model) -> ModelName:
    """What a record says of the whole model, as long as the part's kind is not known."""
    if not model.names:
        return name_of(model.kinds[0])
    return ModelName(product=model.product, serial=model.serial, sha256=model.sha256)
