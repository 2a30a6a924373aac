#!/bin/sh
# Every case, how much of the policies they have seen hold and fail, and which mistakes they would not notice.
set -eu
cd "$(dirname "$0")/.."

legatorctl bundle test --junit "${JUNIT:-cases.xml}"
legatorctl bundle cover
legatorctl bundle mutants
