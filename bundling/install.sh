#!/usr/bin/env bash
# Installs pinned, hashed requirements. `install.sh PYTHON REQUIREMENTS` puts them beside that Python; with a FOLDER as third
# argument they go there, as Lambda's python3.12 on Linux x86_64 takes them, whatever machine this runs on.
# uv takes a tenth of pip's time. pip fetches it, and does the rest as well where uv is not to be had or fails.
set -euo pipefail

python=$1 requirements=$2 folder=${3:-}

# What is never imported is never compiled: that is most of it, and takes as long as all else. uv compiles nothing.
pip=("$python" -m pip install -q --disable-pip-version-check --no-compile --require-hashes)
uv=("$python" -m uv pip install -q --python "$python" --require-hashes --system-certs)
if [ -n "$folder" ]; then
  pip+=(--target "$folder" --no-deps --only-binary=:all: --implementation cp --python-version 3.12
    --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64)
  uv+=(--target "$folder" --no-deps --only-binary=:all: --python-version 3.12 --python-platform x86_64-manylinux_2_28)
else
  "${pip[@]}" --only-binary=:all: -r "$(dirname "${BASH_SOURCE[0]}")/requirements.txt" ||
    echo "There is no uv for this machine: pip installs, which takes longer." >&2
fi

# uv does not read pip's configuration, so what it needs of it is handed on. The environment's own setting comes first.
settings=$("$python" -m pip config list 2>/dev/null || true)
configured() { sed -n "s/^[^.]*\.$1='\(.*\)'$/\1/p" <<<"$settings" | head -n 1; }
index=${UV_DEFAULT_INDEX:-$(configured index-url)}
certificates=${SSL_CERT_FILE:-$(configured cert)}

if [ -z "$(configured no-index)" ] && "$python" -c 'import uv' 2>/dev/null; then
  (
    [ -z "$index" ] || export UV_DEFAULT_INDEX=$index
    [ -z "$certificates" ] || export SSL_CERT_FILE=$certificates
    exec "${uv[@]}" -r "$requirements"
  ) && exit
  echo "uv could not install $requirements: pip tries." >&2
  # pip replaces nothing in a folder that is there.
  [ -z "$folder" ] || rm -rf "$folder"
fi
"${pip[@]}" -r "$requirements"
