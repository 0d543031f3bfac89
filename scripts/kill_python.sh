#!/usr/bin/env bash
# The founding documents' name for `terrarium orphans kill`: ends what dead runs have left, never a worker at work, and
# what cannot be told apart only for a typed yes. Takes the same options: --dry-run, --yes, --grace 2s, --json.
self=$(readlink -f "${BASH_SOURCE[0]}") # the script may be called through a symbolic link
exec "$(dirname "$self")/../terrarium" orphans kill "$@"
