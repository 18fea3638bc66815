#!/bin/sh
# embed.sh NAME=FILE...: web_files.c (../web_files.h) on standard output. In place of a file that is not
# there is a comment: the page asks for it all the same.
set -eu

type_of()
{
    case $1 in
    *.html) echo "text/html; charset=utf-8" ;;
    *.css) echo "text/css; charset=utf-8" ;;
    *.js) echo "text/javascript; charset=utf-8" ;;
    *.svg) echo "image/svg+xml" ;;
    *)
        echo "embed.sh: $1 is of no known type" >&2
        exit 1
        ;;
    esac
}

content_of()
{
    if [ -r "$1" ]; then
        cat "$1"
    else
        echo "/* not in this build */"
    fi
}

echo '/* Made by web/embed.sh; do not edit. */'
printf '#include "results-server/web_files.h"\n\n#include <string.h>\n'
rows=
n=0
for pair in "$@"; do
    name=${pair%%=*}
    file=${pair#*=}
    type=$(type_of "$name")
    printf '\nstatic const unsigned char file_%d[] = {\n' "$n"
    content_of "$file" | od -An -v -tu1 | sed 's/  */,/g; s/^,//; s/$/,/'
    printf '};\n'
    rows="$rows    {\"$name\", \"$type\", file_$n, sizeof file_$n},
"
    n=$((n + 1))
done
cat <<END

static const struct web_file files[] = {
$rows};

const struct web_file *web_file_find(const char *name)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    }
    return NULL;
}
END
