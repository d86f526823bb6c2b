# Training, demo and the log viewers in one image: docker-compose.yml says how each is run.
#
# No CUDA base: PyPI's torch wheel for Linux brings the CUDA libraries with it and needs the host's driver alone,
# which the NVIDIA container toolkit adds at run time. All wheels are binary, so there is no compiler to leave behind
# in a first stage either.
FROM python:3.11.14-slim-bookworm

ARG UID=1000
ARG GID=1000
# --non-unique: the id of a user's own group may be one that Debian gives a group of its own.
RUN groupadd --non-unique --gid "${GID}" pose \
    && useradd --no-log-init --non-unique --uid "${UID}" --gid "${GID}" --create-home pose

# Before the source, which changes more often. The lock holds the versions that the tests ran with.
WORKDIR /workspace
COPY requirements.txt requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --requirement requirements.txt --constraint requirements.lock

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
# The health of the install: everything that training and demo import is there, and the command line answers.
RUN python -c "import av, cv2, h5py, mlflow, pytorch_lightning, scipy, tensorboard, models.gan, utils.evaluation" \
    && python main.py --help > /dev/null \
    && python demo.py --help > /dev/null

# The commit that runs note, for .git stays outside.
ARG COMMIT=unknown
ENV SOURCE_COMMIT=${COMMIT}
LABEL org.opencontainers.image.title="chen-cvpr2019" org.opencontainers.image.revision="${COMMIT}"

CMD ["python", "main.py", "--help"]
