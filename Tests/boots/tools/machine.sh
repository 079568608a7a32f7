# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# What the boots share: the demo's image, and a machine that is booted. Read with `source`, after the peers' library.

# Images are kept between runs; disks are this run's own.
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../..")/.build/demo
mkdir -p "$images/images" "$work/state/images"
files=(--config "$work/saveconfig.json" --state "$work/state" --socket "$work/control.sock")
# The machine that is booted; whoever sources this says which.
machine=

# build_demo_image: builds it, or finds it built. Scripts may run side by side: one builds, the others wait for that.
build_demo_image() {
    flock "$images/building" "$apus" image build demo --suite bookworm --root-password apus --state "$images"
}

# demo_image: offers it to this run's machines.
demo_image() {
    check "an image of Debian is built" build_demo_image
    ln -sfn "$images/images/demo" "$work/state/images/demo"
}

# boot COMMAND OPTIONS…: boots to the login prompt and runs the command there; sets what it printed.
boot() {
    local command=$1
    shift
    "$apus" boot "$machine" "$@" --timeout 600 --root-password apus --exec "$command" "${files[@]}" \
        >"$work/said" 2>"$work/stages"
}

# starts STAGE OPTIONS…: boots as far as that stage.
starts() {
    local stage=$1
    shift
    "$apus" boot "$machine" "$@" --timeout 400 --until "$stage" "${files[@]}"
}

# said TEXT: did the machine print it?
said() {
    cat "$work/said"
    grep -qF -- "$1" "$work/said"
}
