#!/usr/bin/env bash
# Builds dist/smsd-VERSION-py3-none-any.whl, the same from the same commit.    usage: wheel.sh, after setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
rm -rf build/lib build/bdist.* # setuptools packs what an earlier build has left there
.venv/bin/python -m pip wheel -qq --disable-pip-version-check --no-deps --wheel-dir dist .
echo "dist/smsd-$(.venv/bin/python -c 'import smsd; print(smsd.__version__)')-py3-none-any.whl"
