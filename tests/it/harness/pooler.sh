# Runs a PgBouncer until standard input is closed.
# Arguments: a folder for temporary files, a free port, the port of the PostgreSQL server, the program.
set -eu
dir=$(mktemp -d "$1/doorbell-pooler.XXXXXX")
pooler=
end() {
    [ -z "$pooler" ] || kill "$pooler" 2>/dev/null || true
    rm -rf "$dir"
}
trap end EXIT
# Ctrl-C at the terminal is for the tests; this script ends when they do.
trap '' INT HUP TERM
echo '"doorbell" ""' >"$dir/users"
# Fewer connections to the server than one instance opens to the pooler: transactions move between them.
cat >"$dir/ini" <<END
[databases]
* = host=127.0.0.1 port=$3
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $2
unix_socket_dir =
auth_type = trust
auth_file = $dir/users
pool_mode = transaction
# A setting that operators use for some clients. Without it, PgBouncer refuses our session options.
ignore_startup_parameters = options
default_pool_size = 3
max_client_conn = 1000
server_idle_timeout = 5
logfile = $dir/log
END
"$4" -q "$dir/ini" </dev/null >/dev/null 2>&1 &
pooler=$!
tries=0
until grep -q 'process up' "$dir/log" 2>/dev/null; do
    tries=$((tries + 1))
    kill -0 "$pooler" && [ $tries -lt 500 ] || { cat "$dir/log" >&2; exit 1; }
    sleep 0.02
done
echo started
read -r _ || true
