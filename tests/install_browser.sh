#!/usr/bin/env bash
# Install Chromium from the system's packages for the tests that need a browser. Only where CI is set: nobody's own machine
# gets a package unasked; there such tests are skipped, and say so. What is missing after this fails those tests.
set -uo pipefail
[ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] || exit 0
for browser in chromium chromium-browser google-chrome; do
  command -v "$browser" >/dev/null && exit 0
done
command -v apt-get >/dev/null || exit 0
echo "Installing Chromium for the tests that need a browser ..."
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null 2>&1; }
install || { apt-get update -qq >/dev/null 2>&1 && install; } || echo "Chromium could not be installed." >&2
