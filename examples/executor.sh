#!/bin/bash
# A node of Conductor in bash and curl, over HTTP alone (python3 reads the JSON): an executor of another make.
#
#     CONDUCTOR_URL=http://127.0.0.1:8000 CONDUCTOR_TOKEN=... NODE_NAME=far TOTAL_CPUS=2 examples/executor.sh
#
# SIGTERM: no new jobs, and it ends when its last one has; a second SIGTERM ends those too. When it is killed and started
# again on the same SPOOL, it goes on watching what runs, though nobody knows those exit codes any more. It limits no
# memory, sends no warning signals and runs jobs as nobody else; `exit 143` looks to it like SIGTERM, as to any shell.
set -uo pipefail
url=${CONDUCTOR_URL:-http://127.0.0.1:8000}/api/v1 node=${NODE_NAME:-$(uname -n)} cpus=${TOTAL_CPUS:-$(nproc)}
umask 077
mkdir -p "${SPOOL:=$HOME/.conductor-executor}"/{jobs,scripts,output,work} && cd "$SPOOL" || exit 1
spool=$PWD
exec 9>lock && flock -w 10 9 || { echo "Another executor works in $spool." >&2; exit 1; }
[[ -s spool_id ]] || cat /proc/sys/kernel/random/uuid >spool_id
printf 'Authorization: Bearer %s\n' "${CONDUCTOR_TOKEN:?is not set}" >headers # not an argument, which others could see
unset CONDUCTOR_TOKEN
boot=$(</proc/sys/kernel/random/boot_id)
shopt -s nullglob

api() { # METHOD PATH [OPTION OF CURL]...: prints the answer; fails when it is a refusal. An outage is waited out.
    local answer
    until answer=$(curl -gsS -m 60 -X "$1" -H @headers -w '\n%{http_code}' "${@:3}" "$url$2" 2>>errors) &&
        [[ $answer != *$'\n'@(5??|429) ]]; do sleep 1; done
    printf '%s' "${answer%$'\n'*}"
    [[ $answer == *$'\n'2?? ]] || { echo "$1 $2: $answer" >>errors; return 1; }
}
json=(-H 'Content-Type: application/json')
command() { api POST /commands "${json[@]}" -d "{\"type\": \"$1\", $2}"; }
get() { python3 -ISc 'import json, sys; v = json.load(sys.stdin)[sys.argv[1]]; print(*(v if type(v) is list else [v]))' "$1"; }

unpack=' # each allocation as a folder of shell code: what there is to know, and the environment; prints the new ones
import json, math, os, shlex, sys
for a in json.load(sys.stdin)["allocations"]:
    if str(a["id"]) in sys.argv: continue
    folder, l = "jobs/%d" % a["id"], a["launch"]
    facts = {"job": a["job_id"], "attempt": a["attempt"], "work_dir": l["work_dir"], "stdout": l["stdout_path"],
             "stderr": l["stdout_path"] if l["join_output"] else l["stderr_path"], "limit": l["time_limit_seconds"],
             "grace": math.ceil(l["kill_grace_seconds"]), "cpu_list": ",".join(map(str, a["cpu_ids"])),
             "requeue": l["requeue"] or "", "pid": a["process_id"], "ticks": a["process_start_ticks"], "boot_then": a["boot_id"]}
    os.makedirs(folder, exist_ok=True)
    for name, values, before in ("launch", facts, ""), ("standard", l["standard_environment"], "export "):
        with open(folder + "/" + name, "w") as file:
            for key, value in values.items():
                file.write(before + key + "=" + shlex.quote("" if value is None else str(value)) + "\n")
    print(a["id"])'
exports='
import json, shlex, sys
for name, value in json.load(sys.stdin)["environment"].items(): print("export " + name + "=" + shlex.quote(value))'
gate=' # a shell that is there, and runs nothing until a line comes; the end of its input is the end of it
IFS= read -r _ || exit 125
exec </dev/null
. "$1/own" && . "$1/standard" && export SLURM_SUBMIT_DIR="$2" && cd -- "$2" && shift 2 && exec "$@"'

started_at() { # PID: in ticks; nothing when it is gone
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null && set -- ${stat##*) } && [[ $1 != [ZX] ]] && echo "${20}"
}
release() { # REASON EXIT_CODE EXIT_SIGNAL [DETAIL]: tells the end; a refusal means that it is no longer ours to tell
    command Release "\"allocation_id\": $id, \"incarnation\": $(<incarnation), \"reason\": \"$1\", \"exit_code\": $2,
        \"exit_signal\": $3, \"detail\": ${4:-null}" >/dev/null
    rm -rf "jobs/$id"
    exit
}
send() { # STREAM FILE: what was written since the last time
    local size part
    while size=$(stat -Lc %s -- "$2" 2>/dev/null) && ((size > sent[$1])); do
        ((part = size - sent[$1] < 1048576 ? size - sent[$1] : 1048576))
        tail -c +$((sent[$1] + 1)) -- "$2" | head -c $part >"jobs/$id/part"
        api PUT "/jobs/$job/output?stream=$1&attempt=$attempt&offset=${sent[$1]}" --data-binary "@jobs/$id/part" \
            -H 'Content-Type: application/octet-stream' >/dev/null || return
        ((sent[$1] += part))
    done
}
run() { # one allocation, in a process of its own: gate, allocate, open, watch, release; or watch what runs already
    trap : TERM
    id=$1 reason=finished kill_at='' code=null signal=null
    declare -A sent=([stdout]=0 [stderr]=0)
    . "jobs/$id/launch"
    work_dir=${work_dir:-$spool/work/job_$job} script=$spool/scripts/job_$job.sh
    stdout=${stdout:-$spool/output/$id.out} stderr=${stderr:-$spool/output/$id.err}
    [[ $work_dir == "$spool"/* ]] && mkdir -p "$work_dir"
    [[ $stdout == /* ]] || stdout=$work_dir/$stdout
    [[ $stderr == /* ]] || stderr=$work_dir/$stderr
    [[ $pid ]] || start
    [[ -e jobs/$id/opened ]] || release launch_failed null null '"the executor ended before the job began"'
    ((began = SECONDS - $(ps -o etimes= -p "$pid" 2>/dev/null || echo 0)))
    while [[ $boot_then == "$boot" && $(started_at "$pid") == "$ticks" ]]; do
        kill -0 $$ 2>/dev/null || exit # the executor is gone; the next one watches
        send stdout "$stdout"
        [[ $stderr == "$stdout" ]] || send stderr "$stderr"
        [[ $limit ]] && ((SECONDS - began >= limit)) && end timed_out
        [[ -e jobs/$id/end ]] && end "$(<"jobs/$id/end")"
        [[ $requeue ]] && (($(date +%s) - $(stat -c %Y lease) > $(<lease) - grace)) && end node_lost # it may run elsewhere soon
        [[ $kill_at ]] && ((SECONDS >= kill_at)) && kill -KILL -- "-$pid" 2>/dev/null
        sleep 0.2
    done
    wait "$pid" 2>/dev/null && code=0 || code=$?
    [[ ${gate_fd:-} ]] || code=null # no child of ours: nobody knows
    [[ $code != null ]] && ((code > 128)) && signal=$((code - 128)) code=null
    for sign in TERM KILL; do # whatever is left in its group
        for ((i = grace * 5; i > 0; i--)); do kill -$sign -- "-$pid" 2>/dev/null || break 2; sleep 0.2; done
    done
    send stdout "$stdout"
    [[ $stderr == "$stdout" ]] || send stderr "$stderr"
    release "$reason" "$code" "$signal"
}
start() { # a process stands at its gate; the log hears of it; only then it goes on
    api GET "/jobs/$job/script" -o "$script" && api GET "/jobs/$job/environment" | python3 -ISc "$exports" >"jobs/$id/own" &&
        mkfifo "jobs/$id/gate" && exec {gate_fd}<>"jobs/$id/gate" || release launch_failed null null '"it could not be fetched"'
    [[ -d $work_dir ]] || release launch_failed null null '"there is no such work_dir on this node"'
    read -r first <"$script"
    program=("$script") && chmod 700 "$script"
    [[ $first == '#!'* ]] || program=(/bin/bash "$script")
    setsid env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$HOME" USER="$(id -un)" LANG=C.UTF-8 \
        bash -c "$gate" gate "$spool/jobs/$id" "$work_dir" "${program[@]}" \
        <"jobs/$id/gate" >>"$stdout" 2>>"$stderr" {gate_fd}>&- 9>&- &
    pid=$! boot_then=$boot
    ticks=$(started_at "$pid")
    [[ $ticks ]] || release launch_failed null null '"its outputs could not be opened"'
    taskset -cp "$cpu_list" "$pid" >/dev/null 2>&1 # as far as this machine has these CPUs
    if ! command Allocate "\"allocation_id\": $id, \"incarnation\": $(<incarnation), \"process\": {\"pid\": $pid,
        \"boot_id\": \"$boot\", \"start_ticks\": $ticks, \"pid_namespace\": \"$(stat -Lc %i /proc/self/ns/pid)\"}" >/dev/null; then
        kill -KILL "$pid" # cancelled meanwhile, expired, or another's: it has run nothing
        rm -rf "jobs/$id"
        exit
    fi
    touch "jobs/$id/opened" && echo >&"$gate_fd"
    exec {gate_fd}>&-
}
end() { # REASON: SIGTERM now, SIGKILL after the grace
    [[ $kill_at ]] && return
    reason=$1 kill_at=$((SECONDS + grace))
    kill -TERM -- "-$pid" 2>/dev/null
    kill -CONT -- "-$pid" 2>/dev/null
}
register() { # a new incarnation; then whatever the log says that we run
    local told
    told=$(command RegisterNode "\"node_name\": \"$node\", \"spool_id\": \"$(<spool_id)\", \"boot_id\": \"$boot\",
        \"total_cpus\": $cpus") || return
    get incarnation <<<"$told" >incarnation.new && mv incarnation.new incarnation
    get lease_seconds <<<"$told" | cut -d. -f1 >lease
    take status=allocated
}
take() { # FILTER: what the log says we have, unless a process of ours has it already
    local id
    for id in "${!watched[@]}"; do kill -0 "${watched[$id]}" 2>/dev/null || unset "watched[$id]"; done
    for id in $(trap '' TERM INT; api GET "/allocations?node_name=$node&launch=true&$1" | python3 -ISc "$unpack" "${!watched[@]}"); do
        run "$id" & watched[$id]=$!
    done
}

declare -A watched=()
stopping=0
trap '((stopping++))' TERM INT
register || { tail -n 1 errors >&2; exit 1; }
for folder in jobs/*; do [[ ${watched[${folder#jobs/}]:-} ]] || rm -rf "$folder"; done # never begun
echo "Node $node, $cpus CPUs, incarnation $(<incarnation)."
while true; do
    held=(jobs/*)
    accepting=$([[ $stopping == 0 ]] && echo true || echo false)
    if ! cancel=$(trap '' TERM INT; api PUT "/nodes/$node/lease" "${json[@]}" -d "{\"incarnation\": $(<incarnation),
        \"accepting\": $accepting, \"allocations\": [$(IFS=, && echo "${held[*]#jobs/}")]}" | get cancel); then
        register || sleep 5 # the lease ran out, or somebody else has the node
        continue
    fi
    touch lease
    for id in $cancel; do [[ -d jobs/$id ]] && echo cancelled >"jobs/$id/end"; done
    ((stopping && ${#held[@]} == 0)) && break
    ((stopping > 1)) && for folder in "${held[@]}"; do echo finished >"$folder/end"; done
    ((stopping)) && { sleep 0.5; continue; }
    take 'status=reserved&wait=1'
    sleep 0.1
done
