# syntax=docker/dockerfile:1
# Two images: `lapbell` holds the evaluator, or with EXTRAS=demo the demo's app and worker; `collector` holds the Collector with our
# configurations. `docker compose` builds both; the versions are in .env.
ARG PYTHON_TAG=3.11-slim-bookworm
ARG OTELCOL_TAG=0.155.0
ARG BUSYBOX_TAG=1.37.0

FROM python:${PYTHON_TAG} AS wheel
WORKDIR /src
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY instrumentation instrumentation
COPY evaluator evaluator
ARG EXTRAS=evaluator,apprise,postgres
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/lapbell && /opt/lapbell/bin/pip install --disable-pip-version-check ".[${EXTRAS}]"

FROM python:${PYTHON_TAG} AS lapbell
# The folder belongs to the user in the image, so that a named volume mounted there does too.
RUN useradd --uid 10001 --no-create-home lapbell && install -d -o lapbell -g lapbell /var/lib/lapbell
COPY --from=wheel /opt/lapbell /opt/lapbell
ENV PATH=/opt/lapbell/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LAPBELL_DATA_DIR=/var/lib/lapbell
WORKDIR /var/lib/lapbell
USER 10001:10001
CMD ["lapbell", "serve"]

FROM otel/opentelemetry-collector-contrib:${OTELCOL_TAG} AS contrib

# The official image has nothing but the program: no folder that its user may write the queue to, and nothing to ask for its health
# with. busybox brings both.
FROM busybox:${BUSYBOX_TAG} AS collector
COPY --from=contrib /otelcol-contrib /otelcol
COPY --from=contrib /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY collector-config /etc/lapbell
RUN mkdir -p /var/lib/otelcol && chown 10001:10001 /var/lib/otelcol
USER 10001:10001
ENTRYPOINT ["/otelcol"]
CMD ["--config", "/etc/lapbell/otelcol.yaml"]
