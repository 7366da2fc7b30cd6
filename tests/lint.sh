#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint.sh 'CFLAGS' FILE.c…: everything that can be said about the sources without running them.
# One line for each check, what was found below it, and exit status 1 if anything was.
#
# Flags and file names are lists of words here.
# shellcheck disable=SC2046,SC2086,SC2089,SC2090
set -u

flags=$1
shift
root=$(pwd)
out=$(mktemp) || exit 1
trap 'rm -f "$out" "$out.stderr"' EXIT

# The Makefile adds these to single objects; here they do no harm to the others.
flags="$flags $(pkg-config --cflags libcares libcurl openssl cmocka) -DSTILE_VERSION=\"lint\" -DSTILE_LIBDIR=\"lint\""

# Every file that belongs to the tree, whether it is a checkout or an unpacked archive.
tree()
{
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard
    else
        find . -type f ! -path './build*' ! -path '*/__pycache__/*' | sed 's|^\./||'
    fi | while read -r file; do
        if [ -f "$file" ]; then echo "$file"; fi
    done
}

# tree_like GLOB…
tree_like()
{
    tree | while read -r file; do
        for glob; do
            # shellcheck disable=SC2254 # it is a pattern
            case $file in $glob) echo "$file" ;; esac
        done
    done
}

# --- compilers and analysers ---------------------------------------------------------------------

# compile_with 'COMMAND' FILE…: in earnest, as many warnings come from the optimiser.
compile_with()
{
    command=$1
    shift
    result=0
    for file; do
        $command $flags -Werror -c -o /dev/null "$file" || result=1
    done
    return $result
}

with_gcc()
{
    compile_with gcc "$@"
}

with_clang()
{
    compile_with 'clang -Qunused-arguments -Wno-unknown-warning-option' "$@"
}

# gcc 12 takes the address of a first member for another pointer, so each constructor of a stream
# would be a leak to it. clang-tidy looks for those.
with_analyzer()
{
    compile_with 'gcc -fanalyzer -Wno-analyzer-malloc-leak' "$@"
}

formatted()
{
    clang-format --dry-run -Werror "$@" $(tree_like '*.h') 2>&1
}

# One at a time: in one run over many files clang 14 no longer knows va_start after the first.
with_clang_tidy()
{
    result=0
    for file; do
        clang-tidy --quiet "$file" -- $flags -Qunused-arguments -Wno-unknown-warning-option \
            2>"$out.stderr" || {
            grep -v ' warnings* generated\.$' "$out.stderr"
            result=1
        }
    done
    return $result
}

# cppcheck takes what a function returns for what it was given, so whoever dials a local target seems
# to return a pointer to it. clang-tidy sees the true cases.
with_cppcheck()
{
    cppcheck --quiet --enable=warning,performance,portability --std=c11 --error-exitcode=1 \
        --inline-suppr --suppress=missingIncludeSystem \
        --suppress=returnDanglingLifetime -I. "$@" 2>&1
}

# A header that needs another one included first is a trap.
headers_alone()
{
    result=0
    for header in $(tree_like 'core/*.h' 'config/*.h' 'transports/*.h' 'cmd/*.h'); do
        gcc $flags -Werror -fsyntax-only -x c "$header" || result=1
    done
    return $result
}

# --- the house -----------------------------------------------------------------------------------

# may_include FOLDER FOLDERS: the sources of the first include headers of the others and no more.
may_include()
{
    for file in $(tree_like "$1/*.c" "$1/*.h"); do
        sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file" | while read -r header; do
            case " $2 " in
            *" ${header%%/*} "*) ;;
            *) echo "$file: includes $header" ;;
            esac
        done
    done
}

includes_point_down()
{
    ! {
        may_include core 'core'
        may_include config 'config core'
        may_include transports 'transports config core'
        may_include cmd 'cmd transports config core'
    } | grep .
}

licence_lines()
{
    ! {
        for file in $(tree_like '*.c' '*.h'); do
            [ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: MIT */' ] || echo "$file"
        done
        for file in $(tree_like '*.sh' '*.py' '*.[15]' '.ci/run'); do
            [ -s "$file" ] || continue
            head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
        done
    } | sed 's/$/: no SPDX line at the top/' | grep .
}

# Their names stand in comments too, as in popen(3).
banned_calls()
{
    awk -v names='strcpy|strcat|v?sprintf|gets|system|popen|alloca|strtok|tmpnam|atoi|atol' '
    {
        code = $0
        gsub(/[a-z]+\([1-8][a-z]*\)/, "", code)
        if (code ~ "(^|[^_a-zA-Z0-9])(" names ")\\(") {
            print FILENAME ":" FNR ":" $0
            found = 1
        }
    }
    END { exit found }' $(tree_like '*.c' '*.h')
}

# The brackets keep this file from finding itself.
plain_text()
{
    ! {
        tree | grep -v '\.md$' | xargs grep -InE '[[:blank:]]+$' | sed 's/$/<- trailing blank/'
        tree | xargs grep -InE 'TO[D]O|FI[X]ME' | grep -vE 'TO[D]O: ...'
        tree | xargs grep -InE '/[h]ome/|/[U]sers/'
        case $root in /*/*) tree | xargs grep -InF "$root" ;; esac
    } | grep .
}

# --- everything that is not C --------------------------------------------------------------------

man_pages()
{
    mandoc -T lint -W warning $(tree_like '*.[15]')
}

shell_scripts()
{
    result=0
    for file in $(tree_like '*.sh' '.ci/run'); do
        case $(head -n 1 "$file") in
        *bash*) bash -n "$file" || result=1 ;;
        *) sh -n "$file" || result=1 ;;
        esac
        if command -v shellcheck >/dev/null 2>&1; then
            shellcheck -S warning "$file" || result=1
        fi
    done
    return $result
}

python_files()
{
    /usr/bin/python3 -W error -c '
import sys
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        compile(file.read(), name, "exec")
' $(tree_like '*.py')
}

# -------------------------------------------------------------------------------------------------

done=0
failed=0

# check NAME FUNCTION [ARGUMENT…]
check()
{
    name=$1
    shift
    done=$((done + 1))
    if "$@" >"$out" 2>&1; then
        printf '  ok      %s\n' "$name"
    else
        failed=$((failed + 1))
        printf '  FAILED  %s\n' "$name"
        sed 's/^/          /' "$out"
    fi
}

check 'gcc -Werror' with_gcc "$@"
check 'clang -Werror' with_clang "$@"
check 'gcc -fanalyzer' with_analyzer "$@"
check 'clang-tidy' with_clang_tidy "$@"
check 'clang-format' formatted "$@"
check 'cppcheck' with_cppcheck "$@"
check 'headers compile alone' headers_alone
check 'includes point one way' includes_point_down
check 'licence lines' licence_lines
check 'no banned calls' banned_calls
check 'plain text' plain_text
check 'man pages' man_pages
check 'shell scripts' shell_scripts
check 'python files' python_files

if [ $failed -gt 0 ]; then
    echo "lint: $failed of $done checks failed"
    exit 1
fi
echo "lint: $done checks passed, $# C files"
