#!/bin/sh
# SPDX-License-Identifier: MIT
#
# need.sh PACKAGE…: installs with apt-get what is lacking of these Debian packages.
# Prints and changes nothing when all are there. A service that comes with one is not started.
set -u

POLICY=/usr/sbin/policy-rc.d
MARK='made by tests/need.sh of stile while it installs; a left-over may go'

say()
{
    printf 'need.sh: %s\n' "$*"
}

lacking()
{
    # A package may be there for two architectures, so any line that says `installed` will do.
    have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
    for package in "$@"; do
        printf '%s\n' "$have" | grep -qxF "installed $package" || printf '%s ' "$package"
    done
}

# The names under which services of these packages would be started.
units_of()
{
    for package in "$@"; do
        case $package in
        openssh-server) printf 'ssh ssh.service ssh.socket ' ;;
        dante-server) printf 'danted danted.service ' ;;
        stunnel4) printf 'stunnel4 stunnel.target ' ;;
        dnsmasq | nftables | rsync | squid | tinyproxy | krb5-kdc | krb5-admin-server)
            printf '%s %s.service ' "$package" "$package"
            ;;
        esac
    done
}

# Asked by every package's scripts before they start a service; 101 is no. A machine that has a
# policy of its own keeps it.
deny_units()
{
    if [ -e $POLICY ] || [ -L $POLICY ]; then
        grep -qF "$MARK" $POLICY 2>/dev/null || return 0
    fi
    ours=$POLICY
    {
        printf '#!/bin/sh\n# %s\n' "$MARK"
        # shellcheck disable=SC2016 # $word is for the script that is written
        printf 'for word; do\n    case " %s" in *" $word "*) exit 101 ;; esac\ndone\nexit 0\n' "$*"
    } >$POLICY && chmod 755 $POLICY
}

# Servers that are there for throw-away use must not come up at the next boot either.
# leave_off UNIT…: those with a suffix are systemd's, the others are scripts in /etc/init.d.
leave_off()
{
    for unit in "$@"; do
        case $unit in
        *.*) command -v systemctl >/dev/null 2>&1 && systemctl disable "$unit" >>"$log" 2>&1 ;;
        *) command -v systemctl >/dev/null 2>&1 || update-rc.d "$unit" disable >>"$log" 2>&1 ;;
        esac
    done
    $POLICY "$1" start >/dev/null 2>&1
    [ $? -eq 101 ] && say "what serves among them is installed, but neither started nor enabled"
}

apt()
{
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        -y --no-install-recommends --no-remove "$@" </dev/null >>"$log" 2>&1
}

tidy()
{
    [ -z "$ours" ] || rm -f "$ours"
    rm -f "$log"
}

# Runs as root, one at a time. Whoever held the lock before may have installed all of it.
install_locked()
{
    # shellcheck disable=SC2046 # a list of words
    set -- $(lacking "$@")
    [ $# -gt 0 ] || exit 0

    ours=
    log=$(mktemp) || exit 1
    trap tidy EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 131' QUIT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM

    units=$(units_of "$@")
    if [ -n "$units" ]; then
        deny_units "$units" || exit 1
    fi
    # The lists are often absent or old, and then the first try ends without having changed a thing.
    apt install "$@" || { apt update && apt install "$@"; } || {
        cat "$log" >&2
        say "apt-get could not install: $*" >&2
        exit 1
    }
    # shellcheck disable=SC2086 # a list of words
    [ -z "$units" ] || leave_off $units
    exit 0
}

if [ "${1-}" = --locked ]; then
    shift
    install_locked "$@"
fi

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    say "no apt-get here; what these Debian packages hold is expected to be there: $*"
    exit 0
fi

# shellcheck disable=SC2046 # a list of words
set -- $(lacking "$@")
[ $# -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    sudo=
    say "installing with apt-get: $*"
elif command -v sudo >/dev/null 2>&1; then
    sudo=sudo
    say "installing with apt-get, for which sudo may ask for your password: $*"
else
    say 'not root, and no sudo. Please let root run:' >&2
    say "    apt-get install --no-install-recommends $*" >&2
    exit 1
fi

# -o: a daemon that a package starts must not inherit the lock.
exec $sudo flock -o /var/lib/dpkg sh "$0" --locked "$@"
