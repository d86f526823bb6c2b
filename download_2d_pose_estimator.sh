#!/usr/bin/env bash
# Gets the files of a 2D pose estimator for demo.py.
#
#   bash download_2d_pose_estimator.sh [blazepose|rtmpose|openpose-mpi|openpose-coco] [FOLDER]
#
# FOLDER defaults to estimators/ beside this script. Every file is compared with its published sum before it is put
# in place, so running this twice, or twice at once, does no harm.
#
# PYTHON            the Python whose pip fetches BlazePose (default: python3, else python)
# RTMPOSE_MIRROR    address of RTMPose's folder rtmposev1/onnx_sdk
# OPENPOSE_MIRRORS  addresses to try in turn for OpenPose's folder models/pose, separated by spaces
set -euo pipefail

name=${1:-blazepose}
folder=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/estimators}
mirrors=${OPENPOSE_MIRRORS:-"http://vcl.snu.ac.kr/OpenPose/models/pose http://posefs1.perception.cs.cmu.edu/OpenPose/models/pose"}
python=${PYTHON:-$(command -v python3 || command -v python || true)}
partial=$folder/.partial-$name

fail() {
    echo "download_2d_pose_estimator.sh: $1" >&2
    exit 1
}

# Is the file at $1 the one with the sum $2 ("sha256:...", or "md5:... sha1:..." where both must agree)?
matches() {
    [ -f "$1" ] && "$python" - "$1" "$2" <<'PYTHON'
import hashlib, sys
for expected in sys.argv[2].split():
    digest = hashlib.new(expected.split(":")[0])
    with open(sys.argv[1], "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if f"{digest.name}:{digest.hexdigest()}" != expected:
        sys.exit(1)
PYTHON
}

# Waits until no other run works on this estimator. The lock ends with this process, however it ends.
lock() {
    exec 9>"$folder/.lock-$name"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || fail "cannot lock $folder"
}

# $1: URL, $2: file. Goes on where an earlier try stopped; sets broken=yes if the connection broke halfway.
fetch() {
    local status=0
    if command -v curl >/dev/null; then
        curl --fail --location --silent --show-error --connect-timeout 20 --continue-at - --output "$2" "$1" || status=$?
        case $status in 18 | 28 | 56) broken=yes ;; esac
    elif command -v wget >/dev/null; then
        wget --quiet --continue --tries=3 --timeout=20 --output-document="$2" "$1" || status=$?
        [ "$status" != 4 ] || broken=yes
    else
        fail "neither curl nor wget is installed"
    fi
    return "$status"
}

# MediaPipe's models (Apache-2.0) come inside one wheel, which is unpacked, never installed: its platform and Python
# do not matter.
get_blazepose() {
    local wheel=mediapipe==0.10.21
    local members=(pose_detection/pose_detection.tflite pose_landmark/pose_landmark_full.tflite)
    local sums=(sha256:9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c
        sha256:e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f)
    local file
    if matches "$folder/pose_detection.tflite" "${sums[0]}" && matches "$folder/pose_landmark_full.tflite" "${sums[1]}"
    then
        return
    fi
    echo "BlazePose: fetching $wheel (36 MB) with pip, keeping 9 MB of it"
    "$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip; set PYTHON to one that has"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 \
        --dest "$partial" "$wheel" || fail "pip could not fetch $wheel"
    "$python" - "$partial" "${members[@]}" <<'PYTHON' || fail "the wheel of $wheel lacks the models"
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("mediapipe-*.whl"))) as wheel:
    for member in sys.argv[2:]:
        (folder / member.split("/")[-1]).write_bytes(wheel.read("mediapipe/modules/" + member))
PYTHON
    for number in 0 1; do
        file=$(basename "${members[$number]}")
        matches "$partial/$file" "${sums[$number]}" || fail "$file of $wheel has a wrong sum; nothing was put in place"
    done
    mv -f "$partial"/*.tflite "$folder"
}

# $1: path under models/pose, $2: sum.
get_openpose() {
    local file mirror part number=0
    file=$(basename "$1")
    if matches "$folder/$file" "$2"; then
        return
    fi
    echo "OpenPose's models are licensed for academic and non-profit use only, not for commercial use:"
    echo "https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/LICENSE"
    for mirror in $mirrors; do
        # Each mirror has its own part: a stranger's page must not spoil what another has sent so far.
        part=$partial/$((number += 1))
        echo "fetching $mirror/$1 (200 MB)"
        broken=no
        if fetch "$mirror/$1" "$part" && matches "$part" "$2"; then
            mv -f "$part" "$folder/$file"
            return
        fi
        [ "$broken" = yes ] || rm -f "$part"
        echo "$mirror did not give the right file" >&2
    done
    fail "no mirror gave $file; set OPENPOSE_MIRRORS to others, or put the file into $folder yourself"
}

# RTMPose and the person detector before it (Apache-2.0), as archives that hold one network each. Their publisher gives
# no sums: the archive's own are checked, and the network's SHA-256 is noted, so that a later change is seen.
get_rtmpose() {
    local mirror=${RTMPOSE_MIRROR:-https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk}
    local archives=(yolox_m_8xb8-300e_humanart-c2c7a14a rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504)
    local files=(rtmpose_yolox_m.onnx rtmpose_m_body7.onnx) number file
    for number in 0 1; do
        file=${files[$number]}
        if [ -f "$folder/$file.sha256" ] && matches "$folder/$file" "$(cat "$folder/$file.sha256")"; then
            continue
        fi
        echo "RTMPose: fetching $mirror/${archives[$number]}.zip"
        fetch "$mirror/${archives[$number]}.zip" "$partial/$file.zip" || fail "$mirror did not give the file"
        "$python" - "$partial/$file.zip" "$partial/$file" <<'PYTHON' || fail "the archive of $file is damaged; nothing was put in place"
import hashlib, pathlib, sys, zipfile
archive, target = map(pathlib.Path, sys.argv[1:])
try:
    with zipfile.ZipFile(archive) as file:
        (member,) = [name for name in file.namelist() if name.endswith(".onnx")]
        content = file.read(member)
except (zipfile.BadZipFile, ValueError):
    archive.unlink()
    sys.exit(1)
target.write_bytes(content)
pathlib.Path(f"{target}.sha256").write_text(f"sha256:{hashlib.sha256(content).hexdigest()}\n")
PYTHON
        mv -f "$partial/$file" "$partial/$file.sha256" "$folder"
    done
}

case $name in
    blazepose | rtmpose | openpose-mpi | openpose-coco) ;;
    *) fail "unknown estimator '$name'; use blazepose, rtmpose, openpose-mpi or openpose-coco" ;;
esac
[ -n "$python" ] || fail "Python is not installed"
mkdir -p "$folder" 2>/dev/null || fail "cannot make the folder $folder"
[ -w "$folder" ] || fail "cannot write to $folder"
lock
mkdir -p "$partial"
[ "$name" != blazepose ] || trap 'rm -rf "$partial"' EXIT
case $name in
    blazepose) get_blazepose ;;
    rtmpose) get_rtmpose ;;
    # Nobody publishes a SHA-256 of it, so it is not fetched. One that the user has is taken where OpenPose's own MD5 and
    # OpenCV's SHA-1 both agree.
    openpose-mpi)
        matches "$folder/pose_iter_160000.caffemodel" \
            "md5:2ca0990c7562bd7ae03f3f54afa96e00 sha1:a344f4da6b52892e44a0ca8a4c68ee605fc611cf" ||
            fail "OpenPose's MPI weights are not fetched, since nobody publishes their SHA-256: take openpose-coco, or put pose_iter_160000.caffemodel into $folder yourself"
        ;;
    openpose-coco)
        get_openpose coco/pose_iter_440000.caffemodel sha256:b4cf475576abd7b15d5316f1ee65eb492b5c9f5865e70a2e7882ed31fb682549
        ;;
esac
rm -rf "$partial"
echo "$name is in $folder"
