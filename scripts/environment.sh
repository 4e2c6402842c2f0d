# Sourced by scripts/run, scripts/test and .ci/run. Wants $project (the clone) and $purpose (`run` or `test`); gives
# $python, the interpreter of a virtual environment that has everything installed. Installs once, and again when a lock
# file changes; costs a few milliseconds when there is nothing to do. $offline, when set, is a folder made by
# scripts/bundle: what is to be installed comes from there, and no network is needed.

stamp=$({ printf '%s\n' "$project"; cat "$project/requirements.lock" "$project/requirements-dev.lock"; } | cksum)

environment_is_ready() { # FOLDER
    [ -x "$1/bin/python" ] && { [ -f "$1/.installed-test" ] || [ -f "$1/.installed-$purpose" ]; } &&
        { [ "$(cat "$1/.installed-test" 2>/dev/null)" = "$stamp" ] ||
            [ "$(cat "$1/.installed-$purpose" 2>/dev/null)" = "$stamp" ]; }
}

suits_bundle() { # PYTHON; whether the bundle has wheels for it
    "$1" -c 'import json, sys; made = json.load(open(sys.argv[1] + "/bundle.json"))["pythons"]
sys.exit("%d.%d" % sys.version_info[:2] not in made)' "$offline" 2>/dev/null
}

find_python() { # gives the newest that can make a virtual environment, else explains and ends
    too_bare=
    unsuited=
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$candidate" -c 'import ctypes, ensurepip, ssl, venv, zlib' 2>/dev/null; then
            if [ -n "${offline:-}" ] && ! suits_bundle "$candidate"; then
                unsuited=${unsuited:-$candidate}
                continue
            fi
            printf '%s\n' "$candidate"
            return
        fi
        too_bare=$candidate
    done
    if [ -n "$unsuited" ]; then
        printf '%s\n' "$unsuited" # install.py says why the bundle is none for it
        return
    fi
    if [ -n "$too_bare" ]; then
        cat >&2 <<END
Conductor: $too_bare cannot make a virtual environment. Install its venv package, on Debian and Ubuntu:
    apt install python3-venv
Conductor：$too_bare 无法创建虚拟环境。请安装它的 venv 软件包，在 Debian 和 Ubuntu 上：
    apt install python3-venv
END
    else
        found=$(python3 -V 2>&1) || found="no Python 3 / 没有 Python 3"
        cat >&2 <<END
Conductor needs Python 3.11 or newer; here is: $found.
Install one beside it (for example: apt install python3.11, dnf install python3.11) and run this again.
Conductor 需要 Python 3.11 或更新版本；当前是：$found。
请另外安装一个（例如：apt install python3.11，dnf install python3.11），然后重新运行本命令。
END
    fi
    exit 1
}

environment=$project/.venv
if ! environment_is_ready "$environment"; then
    if [ ! -w "$project" ]; then
        # Somebody else's clone: an environment of this user's own, named after the clone's place.
        cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
        environment=$cache/conductor/venv-$(printf '%s' "$project" | cksum | cut -d ' ' -f 1)
    fi
    if ! environment_is_ready "$environment"; then
        base=$(find_python) || exit 1
        "$base" -I "$project/scripts/install.py" "$project" "$environment" "$purpose" "$stamp" "${offline:-}" || exit 1
    fi
fi
python=$environment/bin/python
