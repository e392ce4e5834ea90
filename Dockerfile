# One image for every process: web (as it starts), `run_worker`, `run_scheduler` and `migrate`. See docs/deployment.md.

FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.txt .
# Wheels only, each with a hash of the lock: nothing is compiled, and nothing else is installed.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements.txt
COPY manage.py ./
COPY backoffice backoffice
COPY accounts accounts
COPY campaigns campaigns
COPY templates templates
RUN DB_HOST=nowhere SECRET_KEY=used-by-this-command-only LOG_DIR="" \
       /opt/venv/bin/python -W ignore manage.py collectstatic --no-input --verbosity 0 \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib . \
    && /opt/venv/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin autosend
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# The root file system may be read-only: only /tmp is written to, by large uploads.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOG_DIR="" \
    LOG_FORMAT=json
USER 10001
EXPOSE 8000
# Ctrl-C is what every process of ours takes for a request to end in order, also as the first of its container.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready', timeout=5)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
