# One image for every role; the sub-command picks it. Two targets:
#   docker build -t bongsu .                        the roles, for a Kafka that you have
#     docker run --rm --read-only --tmpfs /tmp -e BONGSU_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 bongsu worker --metrics-port 9100
#   docker build --target demo -t bongsu:demo .     a Kafka of its own (a JRE, +110 MB) and the sample receiver
#     docker run --rm bongsu:demo
# docs/deployment.md says what of this is tested, and how.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# Extras of pyproject.toml, comma-separated: the veto on homographs (195 MB with its model), the history in PostgreSQL.
ARG EXTRAS=morphology,postgres
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY pyproject.toml requirements.lock deploy/locked_requirements.py ./
# pip stays in /opt/build: nothing in the image installs anything.
RUN python locked_requirements.py --group build-system > build.txt \
 && python locked_requirements.py --extras "${EXTRAS}" > wanted.txt \
 && python -m venv /opt/build \
 && python -m venv --without-pip /opt/bongsu \
 && /opt/build/bin/pip install --require-hashes -r build.txt \
 && /opt/build/bin/pip --python /opt/bongsu/bin/python install --require-hashes -r wanted.txt
COPY README.md LICENSE ./
COPY service service
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /dist . \
 && /opt/build/bin/pip --python /opt/bongsu/bin/python install --no-deps /dist/*.whl \
 && /opt/bongsu/bin/bongsu --version

FROM build AS build-demo
RUN python locked_requirements.py --extras "${EXTRAS},embedded,receiver" > wanted.txt \
 && /opt/build/bin/pip --python /opt/bongsu/bin/python install --require-hashes -r wanted.txt

# What both targets share. Two paths are written to and none other: the data, and /tmp.
FROM ${BASE} AS runtime
RUN useradd --uid 10001 --user-group --create-home bongsu \
 && install -d -o bongsu -g bongsu /var/lib/bongsu
COPY deploy/healthcheck.py /opt/healthcheck.py
COPY rules /app/rules
COPY seeds /app/seeds
ENV PATH=/opt/bongsu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XDG_CACHE_HOME=/var/lib/bongsu/cache \
    BONGSU_DATA_DIR=/var/lib/bongsu
WORKDIR /app
VOLUME /var/lib/bongsu
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "/opt/healthcheck.py"]
ENTRYPOINT ["bongsu"]

FROM runtime AS demo
COPY --from=build-demo /opt/bongsu /opt/bongsu
CMD ["demo"]

FROM runtime AS bongsu
COPY --from=build /opt/bongsu /opt/bongsu
CMD ["--help"]
