#!/usr/bin/env bash
# On a machine with an NVIDIA GPU, a driver and PyTorch: tells what is there, runs the golden cases, then the timings,
# and writes record.md after each part. Flags are those of scripts/gpu.py, such as `--minutes 25 --models vit_b`.
set -uo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
if ! command -v "$python" > /dev/null; then
    echo "run.sh: expected Python with PyTorch, found no $python (PYTHON names another)" >&2
    exit 1
fi

# First of all, since it takes no time: what kernels need.
"$python" scripts/cuda_place.py

if [ ! -x programs/maskwright ]; then
    # Python's own archive reader: a bare machine may have no xz.
    "$python" - << 'END' || exit 1
import tarfile

with tarfile.open("programs.tar.xz") as archive:
    archive.extractall(".")
END
fi
if [ ! -d packages ]; then
    mkdir packages
    for wheel in wheels/*.whl; do
        "$python" -m zipfile -e "$wheel" packages || exit 1
    done
fi
export PYTHONPATH="$PWD/packages${PYTHONPATH:+:$PYTHONPATH}"
export MASKWRIGHT_GOLDEN="$PWD/golden"
# Indexes of the made pictures stay here.
export MASKWRIGHT_CACHE="$PWD/cache"

"$python" scripts/gpu.py --maskwright programs/maskwright \
    --golden-tests programs/maskwright-model-golden programs/maskwright-train-golden \
    --output record.md "$@"
status=$?
echo "record.md holds what was found (status $status)"
exit $status
