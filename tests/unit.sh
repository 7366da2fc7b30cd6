#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the unit tests: unit.sh PATTERN BINARY…
#
# PATTERN picks the binaries whose name contains it, and in the others the tests whose name does; an
# empty one picks everything. A binary gets a line, and its full output when something in it failed.

pattern=$1
shift

limit=60
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM HUP

# The number in the summary line that starts with "[ WORD ]"; 0 when there is no such line.
summary() {
    sed -n "s/^\[ *$1 *\].* \([0-9][0-9]*\) test(s).*/\1/p" "$out" | tail -n 1 | grep . || echo 0
}

passed=0 failed=0 skipped=0
for binary in "$@"; do
    name=${binary##*/}
    UNIT_FILTER=$pattern timeout "$limit" "$binary" >"$out" 2>&1
    status=$?

    # Without a summary the binary died in the middle: what was well until then counts.
    if grep -q '^\[  PASSED  \]' "$out"; then
        good=$(summary PASSED)
    else
        good=$(grep -c '^\[       OK \]' "$out")
    fi
    bad=$(summary FAILED)
    # A test whose end was not in order, a descriptor left open say, is in no summary.
    bad=$((bad + $(grep -c '^\[  ERROR   \] [^-]' "$out")))
    left=$(summary SKIPPED)
    why=
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        case $status in
        124) why=", ran into the limit of $limit s" ;;
        142) why=', a test ran into its time limit' ;;
        *) why=", exit status $status" ;;
        esac
    fi

    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    [ $((good + bad + left)) -eq 0 ] && continue
    printf '%-18s %4d passed' "$name" "$good"
    [ "$left" -gt 0 ] && printf ', %d skipped' "$left"
    [ "$bad" -gt 0 ] && printf ', %d FAILED%s' "$bad" "$why"
    printf '\n'
    [ "$left" -gt 0 ] && grep '^skipped: ' "$out" | sed 's/^/    /'
    [ "$bad" -gt 0 ] && sed 's/^/    /' "$out"
done

[ "$skipped" -gt 0 ] && printf '%d skipped\n' "$skipped"
printf '%d passed, %d failed\n' "$passed" "$failed"
# A pattern may be meant for the end-to-end tests alone; without one, nothing is too little.
[ "$failed" -eq 0 ] && { [ -n "$pattern" ] || [ "$passed" -gt 0 ]; }
