#!/bin/sh
# What keeps a server from taking the bundle, and what a reviewer would say about it.
set -eu
cd "$(dirname "$0")/.."

legatorctl bundle check --strict
legatorctl bundle fmt --check
legatorctl bundle lint
