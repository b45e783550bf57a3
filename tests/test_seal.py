"""Only what a trusted key signed is a model for the station; everything else is refused with its sentence."""

import os
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.archive import unpack
from edge.bundle import NETWORK, decode
from edge.commands.loading import load_model, station_model
from edge.config import load_config
from edge.errors import BundleError, ModelError
from edge.model_store import read_bundle
from edge.network_form import check_network
from edge.seal import SEAL_BYTES, Keys, seal, verify, without_seal
from edge.trust import Trust, read_keys, read_vouched, vouched
from tests.sealing import attacks, key_of, mutated, needs_root, network_attacks, sealed, trust_in
from tests.small_model import Small

MUTATIONS = int(os.environ.get("KENSA_MUTATIONS", "1000"))


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return trust_in(tmp_path / "keys", revoked=("carl",))


def refusal(raw: bytes, trust: Trust) -> str:
    with pytest.raises(BundleError) as refused:
        vouched(raw, trust)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@needs_root
def test_model_of_a_trusted_key_is_the_model_and_names_who_signed(small_model: Small, trust: Trust) -> None:
    found = vouched(sealed(small_model.raw, "ben"), trust)
    assert found.signer == "ben"
    assert found.model.sha256 == small_model.bundle.sha256  # its name is that of the model, whoever signed it


@needs_root
def test_every_attack_is_refused_with_its_sentence(small_model: Small, trust: Trust) -> None:
    names = []
    for attack in attacks(small_model.raw):
        sentence = refusal(attack.raw, trust)
        assert attack.words in sentence, f"{attack.name}: {sentence}"
        names.append(attack.name)
    assert len(names) > 60
    assert len(set(names)) == len(names)


@needs_root
def test_mutated_models_are_refused_and_nothing_else_happens(small_model: Small, trust: Trust) -> None:
    """KENSA_MUTATIONS says how many; seeds are numbers, so that each can be made again."""
    whole = sealed(small_model.raw)
    for seed in range(MUTATIONS):
        assert refusal(mutated(whole, random.Random(seed)), trust), seed


def test_mutated_archives_are_refused_also_without_a_seal(small_model: Small) -> None:
    """What stands behind the signature holds by itself."""
    for seed in range(MUTATIONS):
        with pytest.raises(BundleError):
            decode(mutated(small_model.raw, random.Random(seed)))


def test_nothing_is_parsed_before_the_signature_holds(
    small_model: Small, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.trust.decode_model", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(BundleError):
        vouched(sealed(small_model.raw, "mallory"), trust)
    with pytest.raises(BundleError):
        vouched(small_model.raw, trust)


def test_signature_of_something_else_with_the_same_key_is_none(small_model: Small) -> None:
    manifest = unpack(small_model.raw)["manifest.json"]
    keys = Keys(trusted={"anna": key_of("anna").public_key().public_bytes_raw()})
    whole = bytearray(seal(small_model.raw, key_of("anna"), manifest=manifest))
    assert verify(bytes(whole), keys) == ("anna", manifest)
    at = SEAL_BYTES - 16 - 64
    whole[at : at + 64] = key_of("anna").sign(manifest)  # without the domain
    with pytest.raises(BundleError, match="does not fit"):
        verify(bytes(whole), keys)


@pytest.mark.parametrize("number", range(5))
def test_networks_that_must_not_run_are_refused_before_the_library_sees_them(small_model: Small, number: int) -> None:
    _, network, words = list(network_attacks(small_model.bundle.network))[number]
    with pytest.raises(ModelError, match=words):
        check_network(network)


def test_networks_of_ours_are_run(small_model: Small, demo_bundle_path: Path) -> None:
    check_network(small_model.bundle.network)
    check_network(unpack(demo_bundle_path.read_bytes())[NETWORK])


def test_mutated_networks_are_read_or_refused(small_model: Small) -> None:
    for seed in range(MUTATIONS):
        try:
            check_network(mutated(small_model.bundle.network, random.Random(seed)))
        except ModelError as error:
            assert str(error).startswith("the network cannot be loaded: ")


# The folder of keys.


@needs_root
def test_keys_count_only_if_root_alone_may_write(tmp_path: Path) -> None:
    folder = trust_in(tmp_path / "keys", "anna").keys
    assert list(read_keys(folder).trusted) == ["anna"]
    for path, mode in ((folder, 0o775), (folder / "anna.pub", 0o666)):
        before = path.stat().st_mode
        path.chmod(mode)
        with pytest.raises(BundleError, match="root alone may write"):
            read_keys(folder)
        path.chmod(before)
    os.chown(folder / "anna.pub", 65534, 65534)
    with pytest.raises(BundleError, match="root alone may write"):
        read_keys(folder)


@needs_root
def test_links_and_foreign_files_are_no_keys(tmp_path: Path) -> None:
    folder = trust_in(tmp_path / "keys", "anna").keys
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(BundleError, match="no links"):
        read_keys(tmp_path / "link")
    (folder / "readme.txt").write_text("not a key, and does not say that it is")
    assert list(read_keys(folder).trusted) == ["anna"]
    (folder / "bad.pub").write_text("nonsense")
    with pytest.raises(BundleError, match=r"no public key of `training keygen`"):
        read_keys(folder)
    public = generate_private_key(SECP256R1()).public_key()
    (folder / "bad.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(BundleError, match="Ed25519"):
        read_keys(folder)


def test_without_a_folder_nobody_is_trusted(small_model: Small, tmp_path: Path) -> None:
    assert "it trusts nobody" in refusal(sealed(small_model.raw), Trust(keys=tmp_path / "none"))


@needs_root
def test_a_link_is_no_model(small_model: Small, trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(sealed(small_model.raw))
    (tmp_path / "link").symlink_to(tmp_path / "model")
    assert read_vouched(tmp_path / "model", trust).signer == "anna"
    with pytest.raises(BundleError, match="it is a link"):
        read_vouched(tmp_path / "link", trust)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BundleError, match="this is no file"):
        read_vouched(tmp_path / "pipe", trust)


# A station.

STATION = """\
station: test
bundle: {bundle}
data: data
models: {{keys: keys, unsigned: {unsigned}}}
camera: {{driver: line}}
trigger: {{driver: interval}}
outputs: {{driver: simulated}}
"""


@needs_root
@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize(
    ("signer", "unsigned", "words"),
    [
        ("anna", "refuse", ""),
        ("anna", "accept", ""),
        ("", "accept", ""),
        ("", "refuse", "is not signed"),
        ("mallory", "accept", "does not trust"),
    ],
)
def test_station_arms_only_with_what_it_may(
    tmp_path: Path, small_model: Small, signer: str, unsigned: str, words: str
) -> None:
    (tmp_path / "model").write_bytes(sealed(small_model.raw, signer) if signer else small_model.raw)
    (tmp_path / "station.yaml").write_text(STATION.format(bundle="model", unsigned=unsigned))
    config = load_config(tmp_path / "station.yaml")
    armed = load_model(config)
    assert (armed.inspector is None) == bool(words)
    assert words in armed.why_not
    if not words:
        assert station_model(config).signer == signer


@needs_root
def test_the_demo_station_runs_what_came_with_the_program(tmp_path: Path) -> None:
    (tmp_path / "station.yaml").write_text(STATION.format(bundle="demo", unsigned="refuse"))
    assert load_model(load_config(tmp_path / "station.yaml")).why_not == ""


def test_tools_read_a_model_with_and_without_its_seal(small_model: Small, tmp_path: Path) -> None:
    for name, raw in (("sealed", sealed(small_model.raw)), ("plain", small_model.raw)):
        (tmp_path / name).write_bytes(raw)
        assert read_bundle(tmp_path / name).sha256 == small_model.bundle.sha256
        assert without_seal(raw) == small_model.raw
