#!/bin/sh
# Resolve pyproject.toml into hash locks: the runtime's; for developers and demonstrations, all of it; the benchmark's rivals.
set -eu
cd "$(dirname "$0")/.."
UV_CUSTOM_COMPILE_COMMAND="sh scripts/lock.sh"
export UV_CUSTOM_COMPILE_COMMAND
lock() { uv pip compile --quiet --generate-hashes --universal --python-version 3.12 "$@" pyproject.toml; }
lock --output-file requirements.txt
lock --group dev --output-file requirements-dev.txt
uv pip compile --quiet --generate-hashes --universal --python-version 3.12 --constraint requirements-dev.txt --group bench --output-file requirements-bench.txt
