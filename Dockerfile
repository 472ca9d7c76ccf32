# The worker's image: hash-locked packages, uid 10001, and /data as the only folder it writes to.
#   docker build -t dispatcher .
# Another base, for example one of your own registry (Debian with Python 3.11 or newer, and bash):
#   docker build --build-arg PYTHON_IMAGE=registry.example.org/python:3.13 -t dispatcher .
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The base decides the version.
# hadolint ignore=DL3008
RUN apt-get -q update && apt-get -q install -y --no-install-recommends binutils && \
    python3 -m venv /tools && python3 -m venv --without-pip /opt/dispatcher
COPY requirements/ requirements/
# Optional parts, with commas: redis, pages, apprise, otel, mjml. Each has a lock file of its own.
ARG EXTRAS=redis
# A build behind a proxy of your own gives pip's settings and authorities as secrets.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/authorities.pem \
    if [ -s /run/authorities.pem ]; then export PIP_CERT=/run/authorities.pem; fi && \
    /tools/bin/pip install --require-hashes -r requirements/build.txt && \
    set -- && IFS=, && for extra in $EXTRAS; do set -- "$@" -r "requirements/$extra.txt"; done && \
    /tools/bin/pip --python /opt/dispatcher/bin/python3 install --no-compile --require-hashes \
        -r requirements/runtime.txt "$@"
COPY pyproject.toml README.md ./
COPY src/ src/
COPY templates/ templates/
COPY deploy/image/trim.py trim.py
# What only a compiler or a debugger reads is left out, and the data of Faker and Babel that nothing
# reads. Bytecode is written here, since the root is read-only later; not for Faker, which a worker
# never loads. The hashes in the RECORD files of changed packages do not fit any more; a scanner that
# compares them names these.
# hadolint ignore=DL3003
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . && \
    /tools/bin/pip --python /opt/dispatcher/bin/python3 install --no-compile --no-deps wheels/*.whl && \
    /opt/dispatcher/bin/python3 trim.py && \
    cd /opt/dispatcher/lib/python3*/site-packages && \
    find . -name '*.so' -exec strip --strip-debug {} + && \
    find . \( -name '*.c' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.h' \) -type f -delete && \
    /opt/dispatcher/bin/python3 -m compileall -q -x '/faker/' .

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0 REVISION= SOURCE=
LABEL org.opencontainers.image.title="Dispatcher" \
      org.opencontainers.image.description="Turns JSON messages on RabbitMQ into emails, Telegram and Slack messages" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /opt/dispatcher /opt/dispatcher
COPY deploy/image/health /usr/local/bin/health
COPY templates/ /templates/
RUN install -d -o 10001 -g 10001 -m 700 /data
ENV PATH="/opt/dispatcher/bin:$PATH" \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DISPATCHER_HOME=/data \
    DISPATCHER_TEMPLATES_DIR=/templates \
    DISPATCHER_HTTP=0.0.0.0:8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/health"]
ENTRYPOINT ["dispatcher"]
CMD ["worker"]
