#!/usr/bin/env bash
# Runs a command in the image that build.sh made. What it writes is yours, in the folders of this repository.
#
#   ./run.sh [command]        default: python main.py --help
#   ./run.sh python main.py --gpus 1 --data_dir data
#   ./run.sh python demo.py --input demo_out/photo.jpg
#   ./run.sh bash
#   ./run.sh tensorboard        or mlflow: the logs, at http://localhost:6006 and http://localhost:5000
#
# POSE_DEVICE    gpu or cpu (default: gpu if this machine has an NVIDIA driver)
# POSE_DATA_DIR  the folder that appears as data/, read-only (default: data)
set -euo pipefail

fail() {
    echo "run.sh: $1" >&2
    exit 1
}

# A folder named from where the caller stands.
if [ -n "${POSE_DATA_DIR:-}" ]; then
    given=$POSE_DATA_DIR
    POSE_DATA_DIR=$(cd "$given" 2>/dev/null && pwd) || fail "there is no folder POSE_DATA_DIR=$given"
    export POSE_DATA_DIR
fi
cd "$(dirname "${BASH_SOURCE[0]}")"

command -v docker >/dev/null || fail "Docker is not installed: see https://docs.docker.com/engine/install"
docker compose version >/dev/null 2>&1 || fail "Docker's compose plugin is missing: see https://docs.docker.com/compose/install"
runtimes=$(docker info --format '{{json .Runtimes}}' 2>/dev/null) ||
    fail "the Docker engine does not answer: start it, or ask to be put into the group docker"

# Docker would make missing folders too, but as root.
mkdir -p data lightning_logs mlruns demo_out estimators || fail "cannot make the folders to mount in $PWD"
POSE_UID=$(id -u)
POSE_GID=$(id -g)
export POSE_UID POSE_GID

case "$*" in
    tensorboard | mlflow) exec docker compose up "$1" ;;
esac

device=${POSE_DEVICE:-$(command -v nvidia-smi >/dev/null && echo gpu || echo cpu)}
case $device in
    gpu)
        service=train
        [[ $runtimes == *nvidia* ]] ||
            fail "Docker has no NVIDIA runtime: install the NVIDIA container toolkit, or set POSE_DEVICE=cpu"
        ;;
    cpu)
        service=train-cpu
        [ -n "${POSE_DEVICE:-}" ] || echo "run.sh: no NVIDIA driver here, so the container sees no GPU" >&2
        ;;
    *) fail "POSE_DEVICE is '$device'; it must be gpu or cpu" ;;
esac

[ $# -gt 0 ] || set -- python main.py --help
exec docker compose run --rm "$service" "$@"
