# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of stile(1) for bash 4 and later: source it, or install it as "stile" among bash-completion's own.
# What there is to complete the program itself is asked (--list), so that this file cannot be out of date.

# The beginning of each line of a list: _stile_column PROGRAM LIST NUMBER
_stile_column()
{
    "$1" --list "$2" 2>/dev/null | cut -f "$3"
}

# What the rest of the line of NAME says a value is: _stile_value PROGRAM LIST NAME
_stile_value()
{
    local names value _

    "$1" --list "$2" 2>/dev/null | while IFS=$'\t' read -r names value _; do
        case " ${names//,/ } " in *" $3 "*) printf '%s\n' "$value" ;; esac
    done
}

# The words in a value that is a choice of them: "any|inet|inet6"; the others in it are for people.
_stile_choice()
{
    case $1 in
    *'|'*) tr '|' '\n' <<<"$1" | grep -E '^[a-z0-9]+$' | grep -vxE 'time|path|file' ;;
    esac
}

# Each line with TEXT in front, which a stranger may have written: _stile_after TEXT
_stile_after()
{
    local line

    while IFS= read -r line; do
        printf '%s%s\n' "$1" "$line"
    done
}

# Name=value behind -o: a keyword, or a setting of a hop: _stile_option PROGRAM WORD
_stile_option()
{
    case $2 in
    *=*) _stile_choice "$(_stile_value "$1" keywords "${2%%=*}")" | _stile_after "${2%%=*}=" ;;
    *)
        {
            _stile_column "$1" keywords 1 | grep -vxE 'Host|Match|Hop|Include'
            _stile_column "$1" settings 2
        } | sort -u | sed 's/$/=/'
        ;;
    esac
}

# The last hop of a list: _stile_hop PROGRAM WORD
_stile_hop()
{
    local before=${2%"${2##*,}"} hop=${2##*,}
    local scheme=${hop%%:*}

    case $hop in
    *\?*)
        before+=${hop%"${hop##*[?&]}"}
        "$1" --list settings 2>/dev/null | scheme=$scheme awk -F '\t' \
            '$1 == ENVIRON["scheme"] { print $2 "=" }' | _stile_after "$before"
        ;;
    *)
        {
            _stile_column "$1" settings 1 | sort -u | sed 's|$|://|'
            [ -n "$before" ] || printf '%s\n' exec: direct env
        } | _stile_after "$before"
        ;;
    esac
}

# All that may stand behind an option: _stile_behind PROGRAM OPTION WORD
_stile_behind()
{
    case $2 in
    -F) echo none && compgen -f -- "$3" ;;
    -J) compgen -A hostname -- "$3" ;;
    -o) _stile_option "$1" "$3" ;;
    -x) _stile_hop "$1" "$3" ;;
    *) _stile_choice "$(_stile_value "$1" options "$2")" ;;
    esac
}

# The option that waits for a value, or "host" or "port": _stile_where PROGRAM WORD…
_stile_where()
{
    local program=$1 operands=0 waiting='' value
    shift

    for word; do
        if [ -n "$waiting" ]; then
            waiting=
        elif [ $operands -gt 0 ] || [[ $word != -?* ]]; then
            operands=$((operands + 1))
        elif [ "$word" != -- ] && [[ $word != --*=* ]]; then
            value=$(_stile_value "$program" options "$word")
            [ -z "$value" ] || [ "$value" = - ] || waiting=$word
        fi
    done
    if [ -n "$waiting" ]; then
        echo "$waiting"
    elif [ $operands -eq 0 ]; then
        echo host
    else
        echo port
    fi
}

_stile()
{
    local program=${1/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT} words word candidates prefix

    # Bash parts words at = and : as well, which we do not want.
    read -r -a words <<<"$line"
    case $line in *[[:blank:]]) words+=('') ;; esac
    word=${words[-1]}
    local where
    where=$(_stile_where "$program" "${words[@]:1:${#words[@]}-2}")

    case $where in
    host)
        case $word in
        -*) candidates=$(_stile_column "$program" options 1 | tr -s ', ' '\n') ;;
        *) candidates=$(compgen -A hostname -- "$word") ;;
        esac
        ;;
    port) candidates=$(compgen -A service -- "$word") ;;
    *) candidates=$(_stile_behind "$program" "$where" "$word") ;;
    esac

    # What bash takes for the words before, it keeps.
    prefix=${word%"${word##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r candidate; do
        [[ -n $candidate && $candidate == "$word"* ]] && COMPREPLY+=("${candidate#"$prefix"}")
    done <<<"$candidates"
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _stile stile
