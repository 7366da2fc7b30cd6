#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD [--quick]: measures BUILD/stile, prints the tables, and puts them into README.md between
# its two bench lines. With --quick README.md stays as it is: few rounds are no figures to publish.
# A bound that is missed is a finding, not a failure: the exit status says whether it could be measured.
#
# README=file takes another file than the README.md of this folder's project.
set -u

if [ $# -lt 1 ] || ! [ -x "$1/stile" ] || [ "${2:---quick}" != --quick ]; then
    echo 'usage: run.sh BUILD [--quick]     (BUILD holds stile and tests/bench/)' >&2
    exit 2
fi
build=$1
quick=${2:-}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
readme=${README:-$here/../../README.md}
begin='<!-- bench:begin -->'
end='<!-- bench:end -->'

dir=$(mktemp -d "${TMPDIR:-/tmp}/stile-bench.XXXXXX") || exit 1
child=

# What the user has configured for stile is not what is measured here.
unset stile_proxy ssh_proxy all_proxy https_proxy STILE_PROXY SSH_PROXY ALL_PROXY HTTPS_PROXY
export XDG_CONFIG_HOME="$dir/none" XDG_STATE_HOME="$dir/none"

tidy()
{
    trap - EXIT HUP INT TERM
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    rm -rf "$dir"
}
trap tidy EXIT
trap 'tidy; exit 129' HUP
trap 'tidy; exit 130' INT
trap 'tidy; exit 143' TERM

# In the background, because only then does the shell heed a signal before the command has ended.
run()
{
    "$@" &
    child=$!
    wait "$child"
    status=$?
    child=
    return $status
}

machine()
{
    cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    ssh=$(ssh -V 2>&1)
    echo "$(date -u +%Y-%m-%d): ${cpu:-$(uname -m)}, $(nproc) cores, $(uname -sr), ${ssh%%,*}," \
        "$("$build/stile" --version | head -n 1)"
}

measure()
{
    machine &&
        echo &&
        run "$build/tests/bench/relay" ${quick:+"$quick"} "$build/stile" &&
        echo &&
        run "${PYTHON:-/usr/bin/python3}" "$here/login.py" ${quick:+"$quick"} "$build/stile" \
            "$build/tests/bench/link" &&
        echo &&
        run "${PYTHON:-/usr/bin/python3}" "$here/proxies.py" ${quick:+"$quick"} "$build/stile" \
            "$build/tests/bench" &&
        echo &&
        run "${PYTHON:-/usr/bin/python3}" "$here/gateway.py" ${quick:+"$quick"} "$build/stile" \
            "$build/tests/bench/link"
}

# The file with what is between the two lines replaced; nothing at all unless it has both, in order.
rewrite()
{
    awk -v begin="$begin" -v end="$end" -v tables="$dir/tables" '
        $0 == end && inside { inside = 0; whole = 1 }
        !inside { text = text $0 "\n" }
        $0 == begin && !whole {
            inside = 1
            while ((getline line <tables) > 0)
                text = text line "\n"
        }
        END { if (whole && !inside) printf "%s", text; else exit 1 }' "$1"
}

measure >"$dir/tables" || {
    cat "$dir/tables"
    echo 'bench: not everything could be measured' >&2
    exit 1
}
cat "$dir/tables"
if [ -n "$quick" ]; then
    exit 0
fi
# cat, not mv: the file keeps its owner and mode.
if rewrite "$readme" >"$dir/readme"; then
    cat "$dir/readme" >"$readme"
else
    echo "bench: $readme lacks the lines $begin and $end, so it stays as it is" >&2
fi
