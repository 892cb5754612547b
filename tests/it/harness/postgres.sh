# Runs a PostgreSQL server until standard input is closed.
# Arguments: the folder of the server's programs, a folder for temporary files, a free port. Standard input
# has one command a line; the script prints one line when a command is done.
set -eu
export LC_ALL=C
bin=$1
port=$3
dir=$(mktemp -d "$2/doorbell-postgres.XXXXXX")
cd "$dir"
pid() { head -n 1 "$dir/data/postmaster.pid"; }
signal_all() {
    parent=$(pid)
    kill "-$1" "$parent" $(cat "/proc/$parent/task/$parent/children" 2>/dev/null) 2>/dev/null || true
}
end() {
    [ ! -f "$dir/data/postmaster.pid" ] || signal_all CONT
    "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 </dev/null || true
    rm -rf "$dir"
}
trap end EXIT
# Ctrl-C at the terminal is for the tests; this script ends when they do.
trap '' INT HUP TERM
start() {
    "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -o "-p $port -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c max_connections=250 -c wal_level=minimal -c max_wal_senders=0" \
        start >/dev/null </dev/null || { cat "$dir/log" >&2; exit 1; }
}
"$bin/initdb" -N -D "$dir/data" -U doorbell -A trust -E UTF8 --locale=C >"$dir/log" 2>&1 </dev/null ||
    { cat "$dir/log" >&2; exit 1; }
# One user needs a password; all others need none.
printf 'host all locked 127.0.0.1/32 scram-sha-256\n%s\n' "$(cat "$dir/data/pg_hba.conf")" >"$dir/hba"
cp "$dir/hba" "$dir/data/pg_hba.conf"
start
echo started
while read -r order; do
    case $order in
    start) start ;;
    stop) "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null </dev/null ;;
    pause) signal_all STOP ;;
    resume) signal_all CONT ;;
    esac
    echo "$order"
done
