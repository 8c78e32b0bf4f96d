#!/usr/bin/env bash
# Builds one zip per function for Lambda's python3.12 on Linux x86_64: lambda/<handler>.zip for every lambda/<handler>.py
# that defines lambda_handler, and beside it lambda/<handler>.cdx.json, which lists what the zip holds (CycloneDX).
# The libraries are the pinned, hashed wheels of lambda/requirements.txt for that platform, whatever machine this runs on;
# what goes into which zip is decided, and said, in bundling/package.py. The same sources give the same bytes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
python=$(bash bundling/find_python.sh)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A Python without pip (an environment made by uv, for one) lends its own to a throw-away environment.
if ! "$python" -m pip --version >/dev/null 2>&1; then
  "$python" -m venv "$work/venv"
  python="$work/venv/bin/python"
fi

bundling/install.sh "$python" lambda/requirements.txt "$work/site"

# A fixed hash seed keeps the bytecode the same from run to run.
PYTHONHASHSEED=0 "$python" -m bundling.package --sources lambda --libraries "$work/site" --out lambda
