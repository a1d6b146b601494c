#!/usr/bin/env bash
# The site builds without a warning, its links lead somewhere, and it has every public name. Skipped where what builds it
# is not installed; `scripts/docs` installs it. usage: site.sh LIBRARY
set -euo pipefail
library=$(realpath "$1")

for tool in doxygen mandoc; do
  command -v "$tool" > /dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
cmp -s docs/site/requirements.txt build/docs/python/requirements.txt || { echo "skipped: Sphinx is not in build/docs/python"; exit 77; }
ATTEND_LIBRARY=$library exec scripts/docs
