#!/usr/bin/env bash
# The founding documents' name for `terrarium orphans kill`: ends what dead runs have left, never a worker at work, and
# what cannot be told apart only for a typed yes. Takes the same options: --dry-run, --yes, --grace SECONDS, --json.
exec "$(dirname "$0")/../terrarium" orphans kill "$@"
