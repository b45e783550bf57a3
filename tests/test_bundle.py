"""A bundle is exactly what was written, or it is refused with one sentence and nothing but BundleError."""

import hashlib
import io
import json
import pickle
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.archive import BLOCK, MOST_FILES, pack, pack_arrays, unpack, unpack_arrays
from edge.bundle import ARRAYS, MANIFEST_DIGEST, NETWORK, Bundle, decode, encode
from edge.drivers import open_embedder
from edge.errors import BundleError
from edge.manifest import (
    FORMAT_VERSION,
    JOINED_VERSION,
    LARGEST_BUNDLE_BYTES,
    LARGEST_MANIFEST_BYTES,
    MANIFEST,
    parse_manifest,
)
from edge.model_store import arm
from edge.scoring import Metric
from tests.small_model import Small

Files = dict[str, bytes]
GOLDEN = "golden/1.png"


def encoded(bundle: Bundle) -> bytes:
    return encode(
        bundle.manifest,
        network=bundle.network,
        references=bundle.references,
        cells=bundle.cells,
        centroids=bundle.centroids,
        golden=bundle.golden,
    )


def sealed(files: Files, *, manifest: dict[str, Any] | None = None) -> bytes:
    """An archive whose digests are all right: what somebody would send who knows the format, or wrote it wrongly."""
    rest = {name: content for name, content in files.items() if name not in (MANIFEST, MANIFEST_DIGEST)}
    values = {**json.loads(files[MANIFEST]), "files": listed(rest)} if manifest is None else manifest
    text = json.dumps(values).encode()
    return pack({MANIFEST: text, MANIFEST_DIGEST: hashlib.sha256(text).hexdigest().encode(), **rest})


def listed(files: Files) -> list[dict[str, object]]:
    return [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]


def assert_refused(raw: bytes, words: str = "") -> None:
    with pytest.raises(BundleError) as refused:
        decode(raw)
    sentence = str(refused.value)
    assert words in sentence
    assert sentence
    assert "\n" not in sentence


# --- as it was written ----------------------------------------------------------------------------------------------


def test_what_was_written_is_read_back(small_model: Small) -> None:
    bundle = decode(small_model.raw)
    assert bundle.sha256 == hashlib.sha256(small_model.raw).hexdigest()
    assert encoded(bundle) == small_model.raw
    for kept, read in (
        (small_model.bundle.references, bundle.references),
        (small_model.bundle.cells, bundle.cells),
        (small_model.bundle.centroids, bundle.centroids),
    ):
        for name in kept.__slots__:
            if getattr(kept, name) is None:  # only the Mahalanobis distance has a whitening
                assert getattr(read, name) is None
                continue
            np.testing.assert_array_equal(getattr(kept, name), getattr(read, name))
            assert not getattr(read, name).flags.writeable
    for number, golden in enumerate(bundle.golden):
        np.testing.assert_array_equal(golden.frame.pixels, small_model.bundle.golden[number].frame.pixels)


def test_the_same_values_give_the_same_bytes(small_model: Small) -> None:
    assert encoded(small_model.bundle) == encoded(decode(encoded(small_model.bundle))) == small_model.raw


def test_arrays_in_any_order_of_memory_give_the_same_bytes() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert pack_arrays({"a": array}) == pack_arrays({"a": np.asfortranarray(array)})


def test_planes_of_no_channel_are_read_back() -> None:
    """Grey models have no colours."""
    none = np.zeros((4, 5, 0), np.float32)
    read = unpack_arrays(pack_arrays({"colour_mean": none}), {"colour_mean": (none.shape, np.float32)})
    assert read["colour_mean"].shape == none.shape


def test_the_bundle_that_ships_is_read_and_written_as_it_is(demo_bundle: Bundle) -> None:
    assert demo_bundle.manifest.product
    assert len(demo_bundle.golden) == len(demo_bundle.manifest.golden) >= 2
    assert hashlib.sha256(encoded(demo_bundle)).hexdigest() == demo_bundle.sha256


def whitened(small_model: Small) -> Bundle:
    """The small model, judging by a Mahalanobis distance that is half the usual one."""
    bundle = small_model.bundle
    golden = tuple(one.model_copy(update={"distance": one.distance / 2}) for one in bundle.manifest.golden)
    halved = {"distance": bundle.manifest.limit.distance / 2, "calibrated": bundle.manifest.limit.calibrated / 2}
    limit = bundle.manifest.limit.model_copy(update=halved)
    update = {"metric": Metric.MAHALANOBIS, "limit": limit, "golden": golden}
    return replace(
        bundle,
        manifest=bundle.manifest.model_copy(update=update),
        centroids=replace(bundle.centroids, whitening=np.float32(0.5) * np.eye(128, dtype=np.float32)),
    )


def test_another_distance_travels_in_the_bundle_and_the_device_measures_by_it(small_model: Small) -> None:
    assert b'"metric"' not in unpack(small_model.raw)[MANIFEST]
    raw = encoded(whitened(small_model))
    assert b'"metric": "mahalanobis"' in unpack(raw)[MANIFEST]
    bundle = decode(raw)
    assert encoded(bundle) == raw
    inspector = arm(bundle, open_embedder(bundle))  # which includes the self-test
    usual, found = (one.inspect(small_model.unseen).verdict.distance for one in (small_model.inspector, inspector))
    assert usual is not None
    assert found == pytest.approx(usual / 2)


def test_a_distance_whose_spread_is_missing_left_over_or_no_number_is_refused(small_model: Small) -> None:
    bundle = whitened(small_model)
    without = replace(bundle, centroids=replace(bundle.centroids, whitening=None))
    assert_refused(encoded(without), "['whitening']")
    usual = replace(bundle, manifest=bundle.manifest.model_copy(update={"metric": Metric.EUCLIDEAN}))
    assert_refused(encoded(usual), "['whitening']")
    broken = replace(bundle.centroids, whitening=np.full((128, 128), np.nan, np.float32))
    assert_refused(encoded(replace(bundle, centroids=broken)), "whitening.npy holds values that are no numbers")
    unknown = {**json.loads(unpack(small_model.raw)[MANIFEST]), "metric": "taxicab"}
    assert_refused(sealed(unpack(small_model.raw), manifest=unknown), "metric")


# --- damaged on its way ---------------------------------------------------------------------------------------------


def test_every_byte_of_headers_and_manifest_counts(small_model: Small) -> None:
    raw = small_model.raw
    for place in _bytes_without_content(raw):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << (place % 8)
        assert_refused(bytes(damaged))


def _bytes_without_content(raw: bytes) -> list[int]:
    """Places of every header, every filling and the end of the archive, of the manifest and its digest."""
    places, at = [], 0
    for name, content in unpack(raw).items():
        begin, end = at + BLOCK, at + BLOCK + len(content)
        at = begin + -(-len(content) // BLOCK) * BLOCK
        places += [*range(begin - BLOCK, begin), *range(end, at)]
        if name in (MANIFEST, MANIFEST_DIGEST):
            places += range(begin, end)
    return [*places, *range(at, len(raw), 7)]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_every_byte_of_the_content_counts(small_model: Small, data: st.DataObject) -> None:
    damaged = bytearray(small_model.raw)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    assert_refused(bytes(damaged))


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.001, 0.01, 0.3, 0.5, 0.9, 0.999, 0.99999])
def test_the_bundle_that_ships_is_refused_with_one_flipped_byte(demo_bundle_path: Any, share: float) -> None:
    damaged = bytearray(demo_bundle_path.read_bytes())
    damaged[int(share * len(damaged))] ^= 0x10
    assert_refused(bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_bundle_cut_off_anywhere_is_refused(small_model: Small, data: st.DataObject) -> None:
    assert_refused(small_model.raw[: data.draw(st.integers(0, len(small_model.raw) - 1))])


def test_a_bundle_cut_off_at_a_block_is_refused(small_model: Small) -> None:
    for end in range(0, len(small_model.raw), BLOCK):
        assert_refused(small_model.raw[:end])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_bytes_added_or_left_out_are_refused(small_model: Small, data: st.DataObject) -> None:
    raw = small_model.raw
    place = data.draw(st.integers(0, len(raw)))
    added = data.draw(st.binary(max_size=600))
    left_out = data.draw(st.sampled_from([0, 1, 512, 1024]))
    changed = raw[:place] + added + raw[place + left_out :]
    if changed != raw:
        assert_refused(changed)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4000))
def test_random_bytes_are_refused(raw: bytes) -> None:
    assert_refused(raw)


def test_files_of_other_kinds_are_refused(small_model: Small) -> None:
    assert_refused(b"", "no model bundle")
    assert_refused(bytes(10240), "no model bundle")
    assert_refused(unpack(small_model.raw)[GOLDEN], "no model bundle")
    assert_refused(unpack(small_model.raw)[ARRAYS], "no model bundle")
    assert_refused(b"PK\x03\x04" + bytes(2000))


def test_too_many_bytes_are_refused_before_they_are_looked_at() -> None:
    assert_refused(bytes(LARGEST_BUNDLE_BYTES + 1), "more than a bundle may have")


# --- archives that hold something else ------------------------------------------------------------------------------


def tar_of(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None, form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            change(entry)
            tar.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    return buffer.getvalue()


def _link(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(entry: tarfile.TarInfo) -> None:
        if entry.name == NETWORK:
            entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 0

    return change


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_anything_but_plain_files_is_refused(small_model: Small, kind: bytes) -> None:
    files = unpack(small_model.raw)
    assert_refused(tar_of(*files.items(), change=_link(kind), form=tarfile.USTAR_FORMAT))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_other_forms_of_tar_are_refused_where_they_differ(small_model: Small, form: int) -> None:
    long_name = ("golden/" + "a" * 120, b"x")
    assert_refused(tar_of(*unpack(small_model.raw).items(), long_name, form=form))


@pytest.mark.parametrize("field", ["mtime", "uid", "gid", "mode", "uname", "gname"])
def test_an_archive_that_notes_times_or_owners_is_refused(small_model: Small, field: str) -> None:
    def change(entry: tarfile.TarInfo) -> None:
        setattr(entry, field, "pi" if field.endswith("name") else 7)

    assert_refused(tar_of(*unpack(small_model.raw).items(), change=change, form=tarfile.USTAR_FORMAT))


def test_a_sparse_file_does_not_expand() -> None:
    """GNU tar notes a hole of a terabyte in one block; nothing here may try to fill it."""
    header = bytearray(tarfile.TarInfo("hole").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = b"77777777777\0"
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    assert_refused(bytes(header) + bytes(1024))


@pytest.mark.parametrize("size", [b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0", b"9" * 12])
def test_absurd_sizes_in_a_header_are_refused(small_model: Small, size: bytes) -> None:
    header = bytearray(small_model.raw[:BLOCK])
    header[124:136] = size
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    assert_refused(bytes(header) + small_model.raw[BLOCK:], "no model bundle")


def test_a_file_that_is_there_twice_is_refused(small_model: Small) -> None:
    files = unpack(small_model.raw)
    for name in files:
        doubled = tar_of(*files.items(), (name, files[name]), form=tarfile.USTAR_FORMAT)
        assert_refused(doubled, "twice")


def test_very_many_entries_are_refused_quickly() -> None:
    entry = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
    assert_refused(entry * 100_000 + bytes(1024), "twice")
    numbered = b"".join(tarfile.TarInfo(f"{n}").tobuf(tarfile.USTAR_FORMAT) for n in range(2 * MOST_FILES))
    assert_refused(numbered + bytes(1024), "too many")


def test_chained_headers_of_long_names_are_refused() -> None:
    """Readers that follow them one inside the other run out of stack."""
    entry = tarfile.TarInfo("././@LongLink")
    entry.type = tarfile.GNUTYPE_LONGNAME
    assert_refused(entry.tobuf(tarfile.GNU_FORMAT) * 5000 + bytes(1024))


# --- rightly sealed, wrongly filled ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "../x", "/etc/kensa", "golden/../../x", "golden/9.png", "a" * 64, "GOLDEN/1.PNG", "manifest.jsoN"],
)
def test_a_file_that_does_not_belong_there_is_refused(small_model: Small, name: str) -> None:
    files = unpack(small_model.raw)
    assert_refused(sealed({**files, name: b"x"}))
    unlisted = json.loads(files[MANIFEST])
    assert_refused(sealed({**files, name: b"x"}, manifest=unlisted), "files that belong to it")


@pytest.mark.parametrize("name", [NETWORK, ARRAYS, "golden/0.png", GOLDEN])
def test_a_missing_file_is_refused(small_model: Small, name: str) -> None:
    files = unpack(small_model.raw)
    del files[name]
    assert_refused(sealed(files), "files that belong to it")


def test_files_in_another_order_are_refused(small_model: Small) -> None:
    files = unpack(small_model.raw)
    turned = dict(reversed(list(files.items())))
    assert_refused(sealed(turned), "files that belong to it")
    assert_refused(pack(turned), "files that belong to it")


@pytest.mark.parametrize("name", [MANIFEST, MANIFEST_DIGEST, "absent.bin"])
def test_a_listed_file_that_is_none_is_refused(small_model: Small, name: str) -> None:
    """With the digest of nothing, a file that is not there looks like an empty one."""
    values = json.loads(unpack(small_model.raw)[MANIFEST])
    nothing = {"name": name, "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    values["files"] = [*values["files"], nothing]
    assert_refused(sealed(unpack(small_model.raw), manifest=values), "missing")


def test_a_file_that_is_listed_twice_is_refused(small_model: Small) -> None:
    values = json.loads(unpack(small_model.raw)[MANIFEST])
    values["files"] = [*values["files"], values["files"][0]]
    assert_refused(sealed(unpack(small_model.raw), manifest=values), "files that belong to it")


def test_a_bundle_without_manifest_or_digest_is_refused(small_model: Small) -> None:
    files = unpack(small_model.raw)
    assert_refused(pack({name: files[name] for name in files if name != MANIFEST}), "holds no manifest.json")
    assert_refused(pack({name: files[name] for name in files if name != MANIFEST_DIGEST}), "files that belong to it")
    assert_refused(pack({**files, MANIFEST_DIGEST: b"0" * 64}), "manifest.json is damaged")


@pytest.mark.parametrize("version", [JOINED_VERSION + 1, 17, str(JOINED_VERSION + 1), 10**300])
def test_a_newer_format_says_in_one_sentence_to_update(small_model: Small, version: object) -> None:
    values = json.loads(unpack(small_model.raw)[MANIFEST])
    with_news = {"format_version": version, "signature": "unheard of", "frame": values["frame"]}
    for raw in (sealed(unpack(small_model.raw), manifest=with_news), pack({MANIFEST: json.dumps(with_news).encode()})):
        assert_refused(
            raw,
            f"bundle format {version} cannot be read, this version reads {FORMAT_VERSION} and {JOINED_VERSION}: "
            "update kensa on this device",
        )


@pytest.mark.parametrize("version", [FORMAT_VERSION - 1, 1, 0, -(10**300)])
def test_an_older_format_says_in_one_sentence_to_fit_again(small_model: Small, version: int) -> None:
    values = json.loads(unpack(small_model.raw)[MANIFEST])
    assert_refused(
        sealed(unpack(small_model.raw), manifest={**values, "format_version": version}),
        f"bundle format {version} is older than this version reads ({FORMAT_VERSION}): fit the model again",
    )


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"format_version": null}'),
        *(b'{"format_version": []}', b'{"format_version": 1e999}', b'{"format_version": NaN}'),
        *(
            b'{"format_version": %s}' % (b"9" * 5000),
            b" " * (LARGEST_MANIFEST_BYTES + 1),
            b'{"format_version": %d}' % FORMAT_VERSION,
        ),
    ],
    ids=lambda text: text[:24].decode("latin1"),
)
def test_a_manifest_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(BundleError, match="manifest"):
        parse_manifest(text)
    assert_refused(pack({MANIFEST: text}))


CHANGES: dict[str, tuple[tuple[str | int, ...], object]] = {
    "unknown key": (("colour",), "red"),
    "unknown key inside": (("limit", "extra"), 1),
    "no product": (("product",), ""),
    "long product": (("product",), "x" * 65),
    "half a surrogate": (("product",), "\ud800"),
    "serial below 0": (("serial",), -1),
    "serial beyond a database": (("serial",), 2**63),
    "serial as words": (("serial",), "7"),
    "limit 0": (("limit", "distance"), 0),
    "limit below 0": (("limit", "distance"), -3.0),
    "limit no number": (("limit", "distance"), float("nan")),
    "limit infinite": (("limit", "distance"), float("inf")),
    "map limit beyond 8 bit": (("limit", "map_mean"), 256),
    "fit beyond 1": (("limit", "smallest_fit"), 1.5),
    "one label less": (("labels",), ["bent_11"]),
    "one label more": (("labels",), ["bent_11", "missing_52", "scratched"]),
    "a label twice": (("labels",), ["bent_11", "bent_11"]),
    "an empty label": (("labels",), ["bent_11", ""]),
    "no golden parts": (("golden",), []),
    "golden outcome unknown": (("golden", 0, "outcome"), "GOOD"),
    "golden distance below 0": (("golden", 0, "distance"), -1.0),
    "golden picture elsewhere": (("golden", 0, "picture"), "../x.png"),
    "golden picture is the network": (("golden", 0, "picture"), NETWORK),
    "a golden picture twice": (("golden", 0, "picture"), GOLDEN),
    "golden pictures exchanged": (("golden", 0, "picture"), "golden/2.png"),
    "another width": (("frame", "width"), 129),
    "a huge width": (("frame", "width"), 16385),
    "grey frames": (("frame", "is_colour"), False),
    "another grid": (("map", "grid", "rows"), 10),
    "cells of an odd size": (("map", "grid", "cell_px"), 9),
    "a huge grid": (("map", "grid"), {"rows": 128, "columns": 128, "cell_px": 32}),
    "a channel more": (("map", "channels"), ["lightness", "red_green", "yellow_blue"]),
    "a channel twice": (("map", "channels"), ["lightness", "red_green", "red_green"]),
    "an unknown channel": (("map", "channels"), ["lightness", "red_green", "infrared"]),
    "a variable less": (("map", "variables"), ["shift", "scatter", "difference"]),
    "a variable twice": (("map", "variables"), ["shift", "scatter", "difference", "difference"]),
    "an unknown variable": (("map", "variables"), ["shift", "scatter", "difference", "smell"]),
    "no variables": (("map", "variables"), []),
    "an unknown loss": (("training", "loss"), "magic"),
    "a digest that is none": (("training", "data_sha256"), "abc"),
    "format true": (("format_version",), True),
    "format 1.5": (("format_version",), 1.5),
}  # fmt: skip


@pytest.mark.parametrize(("place", "value"), CHANGES.values(), ids=CHANGES)
def test_a_manifest_that_says_something_impossible_is_refused(
    small_model: Small, place: tuple[str | int, ...], value: object
) -> None:
    files = unpack(small_model.raw)
    values = json.loads(files[MANIFEST])
    inner = values
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert_refused(sealed(files, manifest=values))


def test_colour_channels_need_colour_frames(small_model: Small) -> None:
    values = json.loads(unpack(small_model.raw)[MANIFEST])
    values["frame"]["is_colour"] = False
    assert_refused(sealed(unpack(small_model.raw), manifest=values), "the map needs colour and the frames are grey")


# --- arrays ---------------------------------------------------------------------------------------------------------


def arrays_of(files: Files) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(files[ARRAYS])) as stored:
        return dict(stored)


def with_arrays(small_model: Small, content: bytes) -> bytes:
    return sealed({**unpack(small_model.raw), ARRAYS: content})


def npz_of(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


ARRAY_CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "no number": lambda array: np.where(np.arange(array.size).reshape(array.shape) == 3, np.nan, array).astype(
        array.dtype
    ),
    "infinite": lambda array: np.full_like(array, -np.inf),
    "double": lambda array: array.astype(np.float64),
    "other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "one more": lambda array: np.concatenate([array, array[:1]]),
    "one less": lambda array: array[:-1],
    "one axis more": lambda array: array[np.newaxis],
    "in columns": lambda array: np.asfortranarray(np.stack([array, array])),
    "pickled": lambda array: np.array([array, None], dtype=object),
    "text": lambda array: array.astype(str),
}


@pytest.mark.parametrize("change", ARRAY_CHANGES.values(), ids=ARRAY_CHANGES)
@pytest.mark.parametrize("name", ["mean", "colour_mean", "unit_space", "across", "good_centroid", "golden_embeddings"])
def test_arrays_of_another_form_are_refused(
    small_model: Small, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    arrays = arrays_of(unpack(small_model.raw))
    arrays[name] = change(arrays[name])
    assert_refused(with_arrays(small_model, npz_of(arrays)), f"{name}.npy")


@pytest.mark.parametrize("name", ["scale", "deviation"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_deviation_that_is_none_is_refused(small_model: Small, name: str, value: float) -> None:
    arrays = arrays_of(unpack(small_model.raw))
    arrays[name] = np.full_like(arrays[name], value)
    assert_refused(with_arrays(small_model, npz_of(arrays)), f"{name} must be above 0")


def test_missing_unknown_and_double_arrays_are_refused(small_model: Small) -> None:
    arrays = arrays_of(unpack(small_model.raw))
    assert_refused(with_arrays(small_model, npz_of({**arrays, "more": arrays["picture"]})), "['more']")
    assert_refused(with_arrays(small_model, npz_of({k: v for k, v in arrays.items() if k != "picture"})), "['picture']")
    content = io.BytesIO(npz_of(arrays))
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(content, "a") as stored:
        stored.writestr("picture.npy", b"x")
    assert_refused(with_arrays(small_model, content.getvalue()), "there twice")


class Trap:
    """What a pickle does when it is loaded."""

    sprung = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return setattr, (Trap, "sprung", True)


def test_a_pickle_is_never_loaded(small_model: Small) -> None:
    arrays: dict[str, Any] = arrays_of(unpack(small_model.raw))
    arrays["middle"] = np.array([Trap()], dtype=object)
    assert_refused(with_arrays(small_model, npz_of(arrays)))
    assert_refused(with_arrays(small_model, pickle.dumps(Trap())))
    assert not Trap.sprung


@pytest.mark.parametrize("header_says_more", [False, True])
def test_an_array_that_expands_to_gigabytes_is_refused_before_it_does(
    small_model: Small, header_says_more: bool
) -> None:
    arrays = arrays_of(unpack(small_model.raw))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as stored:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.save(part, array)
            stored.writestr(f"{name}.npy", part.getvalue())
            if name == "picture":
                break
        with stored.open("mean.npy", "w") as file:
            for _ in range(300):
                file.write(bytes(2**20))
        for name in [name for name in arrays if name not in ("picture", "mean")]:
            part = io.BytesIO()
            np.save(part, arrays[name])
            stored.writestr(f"{name}.npy", part.getvalue())
    bomb = bytearray(content.getvalue())
    assert len(bomb) < 2 * 2**20
    if not header_says_more:  # the directory lies about the size
        at = bomb.rindex(b"mean.npy") - 46
        bomb[at + 24 : at + 28] = (128 + arrays["mean"].nbytes).to_bytes(4, "little")
    raw = with_arrays(small_model, bytes(bomb))
    tracemalloc.start()
    assert_refused(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * 2**20


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_arrays_with_the_right_digest_raise_nothing_else(small_model: Small, data: st.DataObject) -> None:
    """Bytes that somebody changed before the digests were made: refused, or read as numbers of the right form."""
    content = bytearray(unpack(small_model.raw)[ARRAYS])
    directory = content.rindex(b"PK\x05\x06")
    start = int.from_bytes(content[directory + 16 : directory + 20], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.one_of(st.integers(start, len(content) - 1), st.integers(0, len(content) - 1)))
        content[place] = data.draw(st.integers(0, 255))
    try:
        decode(with_arrays(small_model, bytes(content)))
    except BundleError as error:
        assert "\n" not in str(error)


# --- golden pictures ------------------------------------------------------------------------------------------------


def png_with_size(content: bytes, width: int, height: int) -> bytes:
    """The same picture, whose header claims another size, with the right check sum."""
    header = content[12:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + content[24:29]
    return content[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content[33:]


def as_png(pixels: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


COLOUR = np.full((96, 128, 3), 90, np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"no picture", as_png(COLOUR)[:-20], as_png(COLOUR, ".jpg"), as_png(COLOUR, ".bmp")),
        *(as_png(COLOUR[:, :, 0]), as_png(COLOUR[:64]), as_png(COLOUR[:16, :16])),
        *(as_png(COLOUR.astype(np.uint16)), as_png(np.full((96, 128, 4), 90, np.uint8))),
        *(png_with_size(as_png(COLOUR), *size) for size in ((0, 0), (128, 97), (50_000, 50_000), (2**31, 2**31))),
    ],
    ids=[
        *("empty", "text", "cut off", "JPEG", "BMP", "grey", "lower", "tiny"),
        *("16 bit", "transparent", "no size", "larger", "gigantic", "absurd"),
    ],
)
def test_a_golden_picture_that_is_none_is_refused(small_model: Small, content: bytes) -> None:
    assert_refused(sealed({**unpack(small_model.raw), GOLDEN: content}), GOLDEN)


def test_golden_pictures_of_very_many_pixels_are_refused(small_model: Small) -> None:
    """The frame's own bounds would allow a gigabyte for each."""
    files = unpack(small_model.raw)
    values = json.loads(files[MANIFEST])
    values["frame"].update(width=16384, height=16384)
    assert_refused(sealed(files, manifest=values), "more than 100 million pixels")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_golden_picture_with_the_right_digest_raises_nothing_else(
    small_model: Small, data: st.DataObject
) -> None:
    content = bytearray(unpack(small_model.raw)[GOLDEN])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert_refused(sealed({**unpack(small_model.raw), GOLDEN: bytes(content)}))
