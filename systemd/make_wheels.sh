#!/usr/bin/env bash
# On a computer with a network: collects kensa and everything that it needs on a Raspberry Pi (64 bit, Python 3.13)
# into one folder, which goes to the Pi beside install.sh. The Pi itself needs a network only for the packages of its own
# system (python3-picamera2), and none once they are there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder="${1:-systemd/wheels}" machine="${2:-aarch64}" python="${PYTHON:-python3}"
platforms=()
for glibc in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014; do
    platforms+=(--platform "${glibc}_$machine")
done
mkdir -p "$folder"
rm -f "$folder"/kensa-*.whl
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
wheel="$(echo "$folder"/kensa-*.whl)"
"$python" -m pip download --quiet --dest "$folder" --only-binary=:all: "${platforms[@]}" --platform any \
    --python-version 3.13 --implementation cp --abi cp313 --abi abi3 --abi none "$wheel[pi]"
echo "$folder: $(find "$folder" -name '*.whl' | wc -l) wheels for Python 3.13 on $machine"
