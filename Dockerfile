# One image for every role: the sub-command picks it.
#   docker build -t bongsu .
#   docker run --rm -e BONGSU_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 bongsu worker --metrics-port 9100
# With a Kafka of its own and the receiver, so that `docker run --rm bongsu:demo demo` works:
#   docker build --build-arg EXTRAS=embedded,receiver,morphology -t bongsu:demo .
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
# Extras of pyproject.toml, comma-separated. The JRE of the embedded Kafka is not for production.
ARG EXTRAS=morphology
WORKDIR /src
COPY pyproject.toml requirements.lock deploy/locked_requirements.py ./
RUN python locked_requirements.py --extras "${EXTRAS}" > wanted.txt \
 && python locked_requirements.py --group build-system > build.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r build.txt \
 && python -m venv /opt/bongsu \
 && /opt/bongsu/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r wanted.txt
COPY README.md LICENSE ./
COPY service service
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -w /dist . \
 && /opt/bongsu/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /dist/*.whl \
 && /opt/bongsu/bin/bongsu --version

FROM ${BASE}
RUN useradd --uid 10001 --user-group --create-home bongsu \
 && install -d -o bongsu -g bongsu /app /var/lib/bongsu
COPY --from=build /opt/bongsu /opt/bongsu
COPY rules /app/rules
COPY seeds /app/seeds
ENV PATH=/opt/bongsu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BONGSU_DATA_DIR=/var/lib/bongsu
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["bongsu"]
CMD ["--help"]
