# Sourced by the scripts beside it: `prepare_environment` makes what they run in, on a machine that nobody prepared.
#
#     prepare_environment running  what artfs runs with: FUSE, a C compiler for pyfuse3, Python, `.venv` in the checkout
#     prepare_environment checks   and what holds the form of the code: ruff, mypy, import-linter, pytest
#     prepare_environment tests    and the real programs and libraries that the tests put to work on artfs
#
# Nothing is done twice: what is there is found in a few milliseconds, and `.venv` is installed into again only when
# pyproject.toml (or the interpreter, or the checkout's place) changed, or more is needed than so far. System packages are
# installed as root or with sudo; for a user who is neither, one line says which ones are missing.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
venv=$checkout/.venv
environment_log=$checkout/.cache/environment.log

say() { printf '%s\n' "== $*" >&2; }
die() { printf '%s\n' "${0##*/}: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# quietly COMMAND...: its output is of interest only if it fails.
quietly() {
    "$@" </dev/null >"$environment_log" 2>&1 && return
    tail -n 25 "$environment_log" >&2
    die "this failed: $* (all of its output: $environment_log)"
}

# ---- system packages ------------------------------------------------------------------------------------------------

# as_root COMMAND...: run it as root, if this user may.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

may_become_root() {
    [ "$(id -u)" = 0 ] || { have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

# install_packages NAME...: install these Debian packages, or say that they are missing.
install_packages() {
    [ $# -gt 0 ] || return 0
    have apt-get || die "missing here: $* (Debian's names; install what this system calls them, then run this again)"
    may_become_root || die "missing here: $* (have an administrator run: apt-get install $*; then run this again)"
    say "installing system packages: $*"
    [ "$(id -u)" = 0 ] || sudo true
    quietly as_root apt-get update
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

c_compiler_works() { printf '#include <stdio.h>\n' | gcc -E - >/dev/null 2>&1; }

missing_for_running() { have fusermount3 || echo fuse3; }

missing_for_building() {
    have pkg-config || echo pkg-config
    { have pkg-config && pkg-config --exists fuse3; } || echo libfuse3-dev
    c_compiler_works || echo gcc libc6-dev
}

missing_for_tests() {
    local pair
    for pair in chromium:chromium cmp:diffutils getfattr:attr git:git npm:npm rsync:rsync sqlite3:sqlite3 unzip:unzip zsh:zsh; do
        have "${pair%%:*}" || echo "${pair##*:}"
    done
    # These are where an ordinary user's PATH does not lead.
    for pair in losetup:mount mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs; do
        PATH=$PATH:/usr/sbin:/sbin have "${pair%%:*}" || echo "${pair##*:}"
    done
}

# ---- Python ---------------------------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# It can make a virtual environment, and what is built for it finds its headers.
complete() {
    "$1" -c 'if True:
        import ensurepip, os, sys, sysconfig, venv
        sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' >/dev/null 2>&1
}

interpreters() { printf '%s\n' python3 /usr/bin/python3 {,/usr/bin/}python3.{14,13,12,11}; }

# Prints the interpreter to use, and nothing if there is none that could be used as it is.
find_python() {
    local candidate
    for candidate in $(interpreters); do
        if new_enough "$candidate" && complete "$candidate"; then command -v "$candidate"; return; fi
    done
}

# Prints the packages that complete the system's own Python, or that bring one.
missing_python() {
    local candidate name version
    for candidate in $(interpreters | grep ^/usr/bin/); do
        if new_enough "$candidate"; then
            version=$("$candidate" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
            echo "$version-venv $version-dev"
            return
        fi
    done
    for name in python3 python3.13 python3.12 python3.11; do
        version=$(apt-cache show --no-all-versions "$name" 2>/dev/null | sed -n 's/^Version: \([0-9.]*\).*/\1/p')
        if [ -n "$version" ] && dpkg --compare-versions "$version" ge 3.11; then
            echo "$name $name-venv $name-dev"
            return
        fi
    done
    echo python3 python3-venv python3-dev
}

# ---- the virtual environment ----------------------------------------------------------------------------------------

# What the environment was made from. It differs: something has to be done again.
fingerprint() {
    printf '%s\n' "$checkout" "$(cksum <"$checkout/pyproject.toml")" "$("$venv/bin/python" -c 'import sys; print(sys.version)')"
}

# Prints the file that says that the environment has all that running|checks|tests take, and what it was made from.
stamp() { [ "$1" = running ] && echo "$venv/made-from" || echo "$venv/made-from-for-$1"; }

is_current() {
    [ -x "$venv/bin/python" ] && [ -f "$(stamp "$1")" ] && [ "$(fingerprint 2>/dev/null)" = "$(cat "$(stamp "$1")")" ]
}

# An environment can be installed into again if its interpreter still runs and the checkout was not moved.
is_sound() {
    new_enough "$venv/bin/python" && [ -f "$venv/made-from" ] && [ "$(head -n 1 "$venv/made-from")" = "$checkout" ]
}

make_venv() {
    local python what extras levels
    case $1 in
        running) what="what it needs" extras='' levels=running ;;
        checks) what="what its code is checked with" extras='[dev]' levels='running checks' ;;
        tests) what="what its tests need" extras='[dev,tests]' levels='running checks tests' ;;
    esac
    if is_sound; then
        say "installing artfs and $what into .venv"
    else
        python=$(find_python)
        [ -n "$python" ] || die "found no Python 3.11 or newer with its venv module and its C headers"
        say "making .venv with $("$python" --version), and installing artfs and $what (about a minute the first time)"
        quietly "$python" -m venv --clear "$venv"
        echo "$checkout" >"$venv/made-from"
    fi
    quietly "$venv/bin/python" -m pip install --progress-bar off --editable "$checkout$extras"
    for what in $levels; do fingerprint >"$(stamp "$what")"; done
}

# Prints every package that is missing for running|checks|tests, so that all of them can be named or installed at once.
missing_packages() {
    missing_for_running
    [ "$1" != tests ] || missing_for_tests
    is_current "$1" && return
    missing_for_building
    is_sound || [ -n "$(find_python)" ] || missing_python
}

# prepare_environment running|checks|tests: see above. Afterwards `python`, `artfs`, `pytest` ... are those of .venv.
prepare_environment() {
    local missing
    missing=$(missing_packages "$1")
    if [ -n "$missing" ] || ! is_current "$1"; then
        { mkdir -p "$checkout/.cache" && [ -w "$checkout/.cache" ]; } 2>/dev/null ||
            die "cannot write to $checkout: clone it to a place of your own and run this there"
        # Of two scripts started at once, the second waits for the first and then finds everything done.
        (
            flock 9
            # shellcheck disable=SC2086 # one word for each package
            install_packages $missing
            is_current "$1" || make_venv "$1"
        ) 9>"$checkout/.cache/environment.lock" || exit
    fi
    export PATH="$venv/bin:$PATH"
}
