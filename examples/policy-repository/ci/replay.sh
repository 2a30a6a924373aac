#!/bin/sh
# What the change would have done to the decisions of the last weeks. FACTS is a masked export of the server:
#   legatorctl bundle facts export --since 30d --masked -o facts.jsonl
# A pull request that would have let through what was refused fails, until somebody raises the budget on purpose.
set -eu
cd "$(dirname "$0")/.."

if [ ! -s "${FACTS:-facts.jsonl}" ]; then
    echo "no facts to replay: set FACTS to an export" >&2
    exit 0
fi
legatorctl bundle replay . --from "${FACTS:-facts.jsonl}" --max-newly-allowed "${MAX_NEWLY_ALLOWED:-0}"
