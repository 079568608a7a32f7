#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# libiscsi's own tools against an export.
set -u
source "$(dirname "$0")/tools/library.sh"
needs iscsi-ls iscsi-inq iscsi-readcapacity16 iscsi-swp iscsi-perf

# prints TEXT COMMAND…: does the command print the text?
prints() {
    local text=$1 output
    shift
    output=$("$@" 2>&1)
    printf '%s\n' "$output"
    printf '%s\n' "$output" | grep -qF -- "$text"
}

export_target "$work/disk.img" --size 64M --ram 32M --target iqn.2026-11.org.apus:peers
check "iscsi-ls finds the target" prints "Target:iqn.2026-11.org.apus:peers Portal:$portal,1" iscsi-ls "iscsi://$portal"
check "iscsi-ls finds both LUNs" prints "Lun:1" iscsi-ls -s "iscsi://$portal"
check "iscsi-inq names the vendor" prints "Vendor:APUS" iscsi-inq "$url"
for page in 0 128 131 176 177 178; do
    check "iscsi-inq reads page $page" iscsi-inq -e 1 -c "$page" "$url"
done
check "iscsi-readcapacity16 tells the size" prints "Total size:67108864" iscsi-readcapacity16 "$url"
check "iscsi-readcapacity16 of the RAM disk" prints "Total size:33554432" iscsi-readcapacity16 "$target_url/1"
check "iscsi-inq of a LUN that is not there fails" bash -c "! iscsi-inq '$target_url/7'"
check "iscsi-perf reads for two seconds" prints "iops average" timeout 20 iscsi-perf -i 1 -t 2 -m 32 -b 8 "$url"
check "an unknown target is refused" bash -c "! iscsi-inq 'iscsi://$portal/iqn.2026-11.org.apus:nobody/0'"
check "^C ends the export with status 0" end_export
check "the export said how its sessions ended" grep -q "logged out" "$export_log"
finish
