# Training, demo and the log viewers in one image: docker-compose.yml says how each is run.
#
# No CUDA base: PyPI's torch wheel for Linux brings the CUDA libraries with it and needs the host's driver alone,
# which the NVIDIA container toolkit adds at run time. All wheels are binary, so there is no compiler to leave behind
# in a first stage either.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

# OpenPose's and RTMPose's weights are fetched with it.
RUN apt-get update && apt-get install --yes --no-install-recommends curl && rm -rf /var/lib/apt/lists/*

ARG UID=1000
ARG GID=1000
# --non-unique: the id of a user's own group may be one that Debian gives a group of its own.
RUN groupadd --non-unique --gid "${GID}" pose \
    && useradd --no-log-init --non-unique --uid "${UID}" --gid "${GID}" --create-home pose

# Before the source, which changes more often. The lock holds the versions that the tests ran with, and the sum of every
# file; older pips than its own take no sums from it. TORCH_INDEX=https://download.pytorch.org/whl/cpu takes PyTorch
# without CUDA, whose sum the lock does not know.
ARG TORCH_INDEX=
WORKDIR /workspace
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements-demo.txt requirements.txt requirements.lock ./
RUN sed -n '/^pip==/,/[^\\]$/p' requirements.lock > /tmp/pip.lock \
    && pip install --require-hashes --requirement /tmp/pip.lock \
    && if [ -n "${TORCH_INDEX}" ]; then \
        pip install --no-deps --index-url "${TORCH_INDEX}" "$(grep --only-matching '^torch[^ ]*' requirements-demo.txt)"; \
    fi \
    && pip install --requirement requirements.txt --constraint requirements.lock

# HOME and USER: run.sh starts the container with the caller's own id, which has neither.
ENV HOME=/tmp USER=pose PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY . .
# Folders to mount. MLflow's database lies in the working directory: the link takes it to a folder that outlives the
# container, where SQLite finds room for its journal as well.
RUN mkdir data lightning_logs demo_out estimators mlruns \
    && chmod --recursive a+rX . \
    && chmod 1777 lightning_logs demo_out estimators mlruns \
    && ln -s mlruns/mlflow.db mlflow.db

USER ${UID}:${GID}
# The health of the install: everything that training and demo import is there, and the command line answers. What they
# leave in a home folder would be in the way of other users.
RUN export HOME=$(mktemp --directory) \
    && python -c "import av, cv2, h5py, mlflow, pytorch_lightning, scipy, tensorboard, models.gan, utils.evaluation" \
    && python main.py --help > /dev/null \
    && python demo.py --help > /dev/null \
    && rm --recursive "${HOME}"

# The commit that runs note, for .git stays outside.
ARG COMMIT=unknown
ENV SOURCE_COMMIT=${COMMIT}
LABEL org.opencontainers.image.title="chen-cvpr2019" org.opencontainers.image.revision="${COMMIT}"

CMD ["python", "main.py", "--help"]
