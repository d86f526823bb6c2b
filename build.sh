#!/usr/bin/env bash
# Builds the image that run.sh runs.
#
#   ./build.sh [options of docker compose build, such as --no-cache]
#   ./build.sh --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu        without CUDA: 2.5 GB for 6.5
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
    echo "build.sh: $1" >&2
    exit 1
}

command -v docker >/dev/null || fail "Docker is not installed: see https://docs.docker.com/engine/install"
docker compose version >/dev/null 2>&1 || fail "Docker's compose plugin is missing: see https://docs.docker.com/compose/install"
docker info >/dev/null 2>&1 || fail "the Docker engine does not answer: start it, or ask to be put into the group docker"

POSE_COMMIT=$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || echo unknown)
export POSE_COMMIT
exec docker compose build "$@" train-cpu
