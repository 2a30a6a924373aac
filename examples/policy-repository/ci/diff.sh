#!/bin/sh
# What the change means, for the pull request: which policies changed, and which answers. BASE is the branch that it goes to.
set -eu
cd "$(dirname "$0")/.."

legatorctl bundle diff ".@${BASE:-origin/main}" . | tee "${DIFF:-diff.txt}"
