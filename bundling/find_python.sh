#!/usr/bin/env bash
# Prints the path of a Python 3.12 that really runs (the Lambda runtime's version), or says how to get one and exits 1.
# A candidate is tried, not trusted: a pyenv shim named python3.12 may exist and still refuse to start.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

answer() {
  [ -n "$1" ] || return 0
  local path
  path=$("$1" -c 'import sys; sys.version_info[:2] == (3, 12) and print(sys.executable)' 2>/dev/null) || return 0
  if [ -n "$path" ]; then
    printf '%s\n' "$path"
    exit 0
  fi
}

answer "${PYTHON:-}"
answer "$root/.venv/bin/python"
answer python3.12
answer python3
if pyenv_root=$(pyenv root 2>/dev/null); then
  for candidate in "$pyenv_root"/versions/3.12*/bin/python; do
    answer "$candidate"
  done
fi
answer "$(uv python find --no-project 3.12 2>/dev/null)"

cat >&2 <<'TEXT'
No Python 3.12 found: the functions are built for Lambda's python3.12 and need the same version here.
Install it (for example `pyenv install 3.12`, `uv python install 3.12` or your system's package python3.12),
or name one: PYTHON=/path/to/python3.12
TEXT
exit 1
