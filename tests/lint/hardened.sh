#!/bin/sh
# Every program that is installed, and the shim, has what configure found the compiler can do against memory errors:
# HARDENED is its list, PROGRAMS theirs, both from the Makefile, so that neither can be forgotten here.
. "$top_srcdir/tests/lib/tap.sh"

# has PROGRAM WORD REGEX READELF-OPTION...: a line of what readelf says matches.
has()
{
    name=${1##*/} what=$2 regex=$3 file=$1
    shift 3
    readelf -W "$@" "$file" >"$TAP_DIR/said" 2>&1
    tap_matches "$name: $what" "$regex" "$TAP_DIR/said"
}

# Of what there is to look for, by the words of FL_HARDENING in m4/flatline.m4.
look()
{
    case $2 in
    pie)
        has "$1" "lies anywhere" 'Type: +DYN ' -h
        case $1 in
        *.so) ;;
        *) has "$1" "is a program that does" 'FLAGS_1.*PIE' -d ;;
        esac
        ;;
    relro)
        has "$1" "what the loader wrote is read-only" 'GNU_RELRO' -l
        has "$1" "and all of it is written at the start" 'FLAGS_1.*NOW' -d
        ;;
    stack-protector) has "$1" "watches its stack" '__stack_chk_fail' --dyn-syms ;;
    fortify) has "$1" "calls what knows the size of its objects" '__[a-z]+_chk@' --dyn-syms ;;
    cf-protection)
        # The C library's start has a few of its own.
        marks=$(objdump -d --no-show-raw-insn "$1" | grep -Ec 'endbr(64|32)')
        tap_check "${1##*/}: says where a jump may end ($marks places)" test "$marks" -gt 20
        ;;
    *) tap_fail "$2 is looked for" "configure knows it, hardened.sh does not" ;;
    esac
}

tap_check "configure found something to do" test -n "$HARDENED"
tap_check "there are programs" test -n "$PROGRAMS"
for program in $PROGRAMS; do
    for word in $HARDENED; do
        look "$top_builddir/$program" "$word"
    done
    readelf -lW "$top_builddir/$program" | grep GNU_STACK >"$TAP_DIR/stack"
    tap_matches "${program##*/}: no code on its stack" 'GNU_STACK.* RW +0x' "$TAP_DIR/stack"
done
# The compilers of Debian 12 can do all of it; less was found only for a reason.
if [ "$(uname -m)" = x86_64 ]; then
    for word in pie relro stack-protector cf-protection; do
        tap_check "configure found $word" grep -q " $word " <<END
 $HARDENED 
END
    done
fi
tap_done
