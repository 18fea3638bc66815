#!/bin/sh
# commands.sh PROGRAM COMMAND...: what help2man is to put into a page about a program's commands and what all programs
# share. The text of each --help stands as it is.
set -eu
program=$1
shift
if [ $# -gt 0 ]; then
    echo '[COMMANDS]'
    for command in "$@"; do
        printf '.SS %s\n.nf\n' "\"$(basename "$program") $command\""
        "$program" "$command" --help-all 2>/dev/null | sed 's/\\/\\e/g; s/^\([.'"'"']\)/\\\&\1/; s/-/\\-/g'
        echo '.fi'
    done
fi
cat <<'END'

[ENVIRONMENT]
Every option can also be given by the environment, \fB\-\-some\-option X\fR as \fBFLATLINE_SOME_OPTION=X\fR; one without
a value by 1. The command line goes before. \fBNO_COLOR\fR: no colours.

[EXIT STATUS]
0 passed; 1 failed: a gate rule, or a program's own traffic; 2 usage or scenario; 3 environment; 4 inconclusive;
130 interrupted; 251 a child's heap overflow.

[SEE ALSO]
\fBdriver\fR(1), \fBstress\-server\fR(1), \fBstress\-client\fR(1), \fBresults\-server\fR(1), \fBuploader\fR(1),
\fBflatline\-nightly\fR(1), and the pages in docs/, by question in docs/README.md.
END
