# Completion of Flatline's programs for bash. Each is asked for its own options, so that nothing is said twice; installed
# under the name of one program, and found by bash-completion for the others through links.
# shellcheck shell=bash disable=SC2207 # words hold no blanks

# The commands that a program has, as its --help lists them below "Commands" or "Other commands".
_flatline_commands()
{
    "$1" --help 2>/dev/null | sed -n '/ommands, each with/,/^$/s/^  \(driver \|results-server \)\{0,1\}\([a-z]\{1,\}\)\([: ].*\)\{0,1\}$/\2/p'
}

_flatline()
{
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' argument
    local asked=("$program")

    if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]]; then
        command=${COMP_WORDS[1]}
        asked+=("$command")
    fi
    if [[ $before == --* ]]; then
        argument=$("${asked[@]}" --list-options 2>/dev/null | sed -n "s/^$before	//p")
        case $argument in
        '') ;;
        *DIR* | RUN) COMPREPLY=($(compgen -d -- "$word")) && return ;;
        *FILE* | *PATH* | CERT | CHAIN | KEY) COMPREPLY=($(compgen -f -- "$word")) && return ;;
        *\|*) COMPREPLY=($(compgen -W "$(tr '|' ' ' <<<"${argument%%,*}" | sed 's/\<NAME\>//')" -- "$word")) && return ;;
        *) return ;;
        esac
    fi
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$("${asked[@]}" --list-options 2>/dev/null | cut -f 1)" -- "$word"))
    elif [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "$(_flatline_commands "$program")" -- "$word"))
    elif [[ -n $command ]]; then
        COMPREPLY=($(compgen -d -- "$word"))
    fi
}

complete -F _flatline driver stress-server stress-client results-server uploader flatline-driver flatline-stress-server \
    flatline-stress-client flatline-results-server flatline-uploader
