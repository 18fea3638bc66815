#!/bin/sh
# speak.sh PROGRAM --help|--version: what PROGRAM says of itself, in the form in which help2man understands it.
set -eu
program=$1
case $2 in
--version) exec "$program" --version ;;
esac
# Not every program has further options, or headings.
if ! text=$("$program" --help-all 2>/dev/null); then text=$("$program" --help); fi
printf '%s\n' "$text" | awk '
    NR == 1 { sub(/^usage:/, "Usage:"); print; next }
    !summary && /^ / { sub(/^ +/, "  or:  "); print; next }
    !summary { print ""; summary = 1 }
    /^The environment can say it/ { next }
    /^  -|^      --/ { options = 1 }
    /^(Exits|Exit status)/ { exits = 1 }
    /^$/ { blank = 1; options_end = options }
    blank && !options && /^[A-Z]/ && !/:$/ { print $0 ":"; next }
    exits && /^  [a-z]/ && !examples { print "\nExamples:"; examples = 1 }
    options && !options_end && /^[A-Z]/ && !/:$/ { print "\n" $0 ":"; next }
    options && !options_end && /:$/ { print "\n" $0; next }
    examples && /^  [a-z]/ { print "" }
    /^Examples:/ { examples = 1 }
    { print }'
