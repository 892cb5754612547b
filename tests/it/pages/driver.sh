# Runs a chromedriver until standard input is closed, then ends it and every browser that it has started.
# Arguments: a folder for temporary files, the program of the driver. The script prints the driver's port.
set -eu
dir=$(mktemp -d "$1/doorbell-browser.XXXXXX")
driver=
# The processes of the driver's session, which its browsers do not leave, without those that have ended.
processes() {
    cat /proc/[0-9]*/stat 2>/dev/null | sed -n "s/^\([0-9]*\) (.*) [DIRSTt] [0-9]* [0-9]* $driver .*/\1/p"
}
end() {
    if [ -n "$driver" ]; then
        while left=$(processes) && [ -n "$left" ]; do
            kill -9 $left 2>/dev/null || true
            sleep 0.02
        done
    fi
    rm -rf "$dir"
}
trap end EXIT
# Ctrl-C at the terminal is for the tests; this script ends when they do.
trap '' INT HUP TERM
# The profiles of the browsers are temporary files too.
export HOME="$dir" TMPDIR="$dir"
setsid "$2" --port=0 </dev/null >"$dir/log" 2>&1 &
driver=$!
tries=0
until port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' "$dir/log") && [ -n "$port" ]; do
    tries=$((tries + 1))
    kill -0 "$driver" && [ $tries -lt 1000 ] || { cat "$dir/log" >&2; exit 1; }
    sleep 0.02
done
echo "$port"
read -r _ || true
