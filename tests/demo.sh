#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh STILE: logs in with the real ssh through this stile, straight, through proxies and through a
# gateway, to an sshd that lives as long as this. Every command is shown as it could be typed, with what came back. Fails
# when one does not do what it should.
set -u

if [ $# -ne 1 ] || ! [ -x "$1" ]; then
    echo 'usage: demo.sh path/to/stile' >&2
    exit 2
fi
bin=$(cd "$(dirname "$1")" && pwd)
sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || {
    echo 'demo: there is no sshd on this machine' >&2
    exit 1
}
tinyproxy=$(PATH=$PATH:/usr/sbin:/sbin command -v tinyproxy)

dir=$(mktemp -d "${TMPDIR:-/tmp}/stile-demo.XXXXXX") || exit 1
servers=
failed=

# What the user has configured for stile is not what is shown here.
unset stile_proxy ssh_proxy all_proxy https_proxy STILE_PROXY SSH_PROXY ALL_PROXY HTTPS_PROXY
export XDG_CONFIG_HOME="$dir/none" XDG_STATE_HOME="$dir/none"

tidy()
{
    trap - EXIT
    for pid in $servers; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$dir"
}
trap tidy EXIT
trap 'tidy; exit 129' HUP
trap 'tidy; exit 130' INT
trap 'tidy; exit 131' QUIT
trap 'tidy; exit 141' PIPE
trap 'tidy; exit 143' TERM

# --- the server ----------------------------------------------------------------------------------

# With UsePAM no, sshd turns away an account whose password is locked, as root's often is.
use_pam()
{
    case $(getent shadow "$(id -un)" 2>/dev/null) in
    "$(id -un)":!*) echo yes ;;
    *) echo no ;;
    esac
}

write_files()
{
    ssh-keygen -q -t ed25519 -N '' -C 'stile demo' -f "$dir/host_key" &&
        ssh-keygen -q -t ed25519 -N '' -C 'stile demo' -f "$dir/user_key" || return 1
    sed 's/^/* /' "$dir/host_key.pub" >"$dir/known_hosts"
    cat >"$dir/sshd_config" <<END
HostKey "$dir/host_key"
AuthorizedKeysFile "$dir/user_key.pub"
PidFile none
StrictModes no
UsePAM $(use_pam)
AllowUsers $(id -un)
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
Subsystem sftp internal-sftp
END
}

# What the commands on the screen leave out: the port and the keys of this one server.
write_client_files()
{
    cat >"$dir/ssh_config" <<END
Port $port
IdentityFile "$dir/user_key"
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile "$dir/known_hosts"
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
ConnectTimeout 15
ServerAliveInterval 5
Host bastion
HostName localhost
END
    mkdir "$dir/bin" || return 1
    for tool in ssh scp; do
        printf '#!/bin/sh\nexec "%s" -F "%s" "$@"\n' "$(command -v $tool)" "$dir/ssh_config" \
            >"$dir/bin/$tool" && chmod 755 "$dir/bin/$tool" || return 1
    done
    PATH=$dir/bin:$bin:$PATH
}

# As root sshd wants a directory for privilege separation, and says which.
make_privsep_dir()
{
    wanted=$("$sshd" -t -f "$dir/sshd_config" 2>&1 |
        tr -d '\r' | sed -n 's/^Missing privilege separation directory: *//p')
    [ -z "$wanted" ] || mkdir -m 755 "$wanted" 2>/dev/null || [ -d "$wanted" ]
}

# up PID COMMAND: 0 when the command says that the server is ready; 1 when it has ended, as it does where
# the port is somebody else's.
up()
{
    tries=0
    while [ $tries -lt 100 ]; do
        eval "$2" 2>/dev/null && return 0
        kill -0 "$1" 2>/dev/null || return 1
        tries=$((tries + 1))
        sleep 0.05
    done
    return 1
}

# start NAME READY: runs the function NAME, which becomes a server on port $listen of loopback and logs to
# $dir/NAME.log, until the command READY says that it is one.
start()
{
    for round in 1 2 3 4 5 6 7 8 9 10; do
        listen=$((20000 + ($(od -An -N2 -tu2 /dev/urandom) + round) % 12000))
        : >"$dir/$1.log"
        "$1" &
        server=$!
        started=$servers
        servers="$server $servers"
        up "$server" "$2" && return 0
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
        servers=$started
    done
    echo "demo: $1 does not start:" >&2
    cat "$dir/$1.log" >&2
    return 1
}

sshd()
{
    exec "$sshd" -D -f "$dir/sshd_config" -E "$dir/sshd.log" -p "$listen" \
        -o ListenAddress=127.0.0.1 -o ListenAddress=::1
}

start_sshd()
{
    start sshd 'grep -q "^Server listening on 127.0.0.1 port $listen" "$dir/sshd.log"' && port=$listen
}

# --- the proxies ---------------------------------------------------------------------------------

# A SOCKS proxy is in every ssh. It runs LocalCommand when it listens.
socks()
{
    exec ssh -N -D "127.0.0.1:$listen" -o ExitOnForwardFailure=yes -o PermitLocalCommand=yes \
        -o LocalCommand="touch '$dir/socks.up'" localhost >"$dir/socks.log" 2>&1 </dev/null
}

# It lets nobody go to any port but that of our sshd.
tinyproxy()
{
    printf 'Port %s\nListen 127.0.0.1\nConnectPort %s\nLogFile "%s"\nLogLevel Info\n' \
        "$listen" "$port" "$dir/tinyproxy.log" >"$dir/tinyproxy.conf"
    exec "$tinyproxy" -d -c "$dir/tinyproxy.conf" >/dev/null 2>&1 </dev/null
}

start_proxies()
{
    start socks '[ -e "$dir/socks.up" ]' || return 1
    socks=$listen
    [ -n "$tinyproxy" ] || return 0
    start tinyproxy 'grep -q "Accepting connections" "$dir/tinyproxy.log"' && http=$listen
}

# --- how a step is shown and judged --------------------------------------------------------------

title()
{
    name=$1
    printf '\n# %s\n' "$name"
}

# Shows a command, runs it, shows what came back. Leaves that in $dir/out, the exit status in $status.
run()
{
    printf '$ %s\n' "$1"
    (cd "$dir" && eval "$1") >"$dir/out" 2>&1 </dev/null
    status=$?
    cat "$dir/out"
}

# expect STATUS [PATTERN]: what `run` must have left.
expect()
{
    if [ "$status" -eq "$1" ]; then
        [ $# -eq 1 ] && return
        grep -q "$2" "$dir/out" && return
    fi
    printf 'demo: NOT AS IT SHOULD BE: exit status %s, expected %s%s\n' \
        "$status" "$1" "${2:+ and a line like $2}"
    case "$failed" in *"$name"*) ;; *) failed="$failed, $name" ;; esac
}

# --- the steps -----------------------------------------------------------------------------------
# The dollar signs belong to the command on the screen.
# shellcheck disable=SC2016

by_name()
{
    title 'log in by name'
    run "ssh -o ProxyCommand='stile %h %p' localhost 'echo hello from \$(uname -n)'"
    expect 0 '^hello from '
}

by_address()
{
    title 'log in by address'
    run "ssh -o ProxyCommand='stile %h %p' 127.0.0.1 'echo hello over IPv4'"
    expect 0 '^hello over IPv4'
    grep -q '^Server listening on ::1 ' "$dir/sshd.log" || return
    run "ssh -o ProxyCommand='stile %h %p' ::1 'echo hello over IPv6'"
    expect 0 '^hello over IPv6'
}

copy_file()
{
    title 'copy a file there and back'
    run 'head -c 20000000 /dev/urandom >file'
    expect 0
    run "scp -q -o ProxyCommand='stile %h %p' file 'localhost:$dir/there'"
    expect 0
    run "scp -q -o ProxyCommand='stile %h %p' 'localhost:$dir/there' back"
    expect 0
    run 'cmp file back && echo the same'
    expect 0 '^the same'
}

pass_descriptor()
{
    title 'hand ssh the connected socket: no process and no copy in between'
    run "ssh -v -o ProxyUseFdpass=yes -o ProxyCommand='stile --fdpass %h %p' localhost true 2>&1 |
    grep -o 'Authenticated to .*'"
    expect 0 '127.0.0.1\|::1'
}

trace()
{
    title 'see what it does (-v)'
    run "ssh -o ProxyCommand='stile -v %h %p' localhost true"
    expect 0 '^stile: +[0-9.]* tcp: '
}

refused()
{
    title 'a port where nobody listens: the first line says why'
    run "ssh -o ProxyCommand='stile %h %p' -p 1 localhost true"
    expect 255 '^stile: tcp: .*Connection refused'
}

through_socks()
{
    title 'through a SOCKS proxy'
    run "ssh -o ProxyCommand='stile -x socks5://127.0.0.1:$socks %h %p' localhost 'echo hello through SOCKS'"
    expect 0 '^hello through SOCKS'
    run "ssh -v -o ProxyUseFdpass=yes \\
    -o ProxyCommand='stile --fdpass -x socks5://127.0.0.1:$socks %h %p' localhost true 2>&1 |
    grep -o 'Authenticated to .*'"
    expect 0 "127.0.0.1.*:$socks"
}

through_http()
{
    title 'through an HTTP proxy, and through a chain: HTTP behind SOCKS'
    run "ssh -o ProxyCommand='stile -x http://127.0.0.1:$http %h %p' localhost 'echo hello through HTTP'"
    expect 0 '^hello through HTTP'
    run "ssh -o ProxyCommand='stile -x socks5://127.0.0.1:$socks,http://127.0.0.1:$http %h %p' \\
    localhost 'echo hello through both'"
    expect 0 '^hello through both'
}

through_chain()
{
    title 'through a chain: one SOCKS proxy behind the other'
    run "ssh -o ProxyCommand='stile -x socks5://127.0.0.1:$socks,socks5://127.0.0.1:$socks %h %p' \\
    localhost 'echo hello through two'"
    expect 0 '^hello through two'
}

through_command()
{
    title 'through a command, here ssh -W by way of a gateway (ssh makes one % of two)'
    run "ssh -o ProxyCommand='stile -x \"exec:ssh -W [%%h]:%%p localhost\" %h %p' localhost 'echo hello behind it'"
    expect 0 '^hello behind it'
}

# ssh_config says where the bastion is: it is the same sshd.
through_gateway()
{
    title 'through an ssh gateway, with what ssh_config says of it'
    run "ssh -o ProxyCommand='stile -J bastion %h %p' localhost 'echo hello behind the bastion'"
    expect 0 '^hello behind the bastion'
    run "ssh -o ProxyCommand='stile -v -J bastion %h %p' localhost true 2>&1 | grep ' ssh: gateway bastion'"
    expect 0 ': engine '
}

refused_by_proxy()
{
    title 'what the proxy refuses is told in its words'
    run "ssh -o ProxyCommand='stile -x http://127.0.0.1:$http %h %p' -p 1 localhost true"
    expect 255 '^stile: hop 1 of 1 (http://127.0.0.1:[0-9]*): .*localhost:1: HTTP/1.[01] 403'
}

# -------------------------------------------------------------------------------------------------

write_files && make_privsep_dir && start_sshd && write_client_files && start_proxies || exit 1

ssh_version=$(ssh -V 2>&1)
echo "$(stile --version), ${ssh_version%%,*}, and an sshd of our own on port $port"
echo 'that only this demo can log in to. It ends with the demo.'

for step in by_name by_address copy_file pass_descriptor trace refused \
    through_gateway through_socks through_chain through_command; do
    $step
done
if [ -n "$tinyproxy" ]; then
    through_http
    refused_by_proxy
else
    printf '\n# left out: an HTTP proxy. tinyproxy is not installed.\n'
fi

if [ -n "$failed" ]; then
    printf '\ndemo: failed: %s\n' "${failed#, }"
    printf 'The end of the log of sshd:\n'
    tail -n 20 "$dir/sshd.log"
    exit 1
fi

cat <<'END'

All of it worked. For your ~/.ssh/config (`make install` puts stile into the PATH):

    Host *
        ProxyCommand stile %h %p

or, by way of the proxies and gateways that you have:

    Host *.inner.example
        ProxyCommand stile -x http://alice@proxy.example:3128,ssh://bastion.example %h %p
END
