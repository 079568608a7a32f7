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

# CHAP. The secrets come by the environment and by a file, as a careful administrator has them.
echo "tgt:target-secret-2" >"$work/target.secret"
APUS_CHAP=user:initiator-secret export_target --ram 32M --mutual-chap "@$work/target.secret"
place=${url#iscsi://}
check "CHAP: the right secret" prints "Vendor:APUS" iscsi-inq "iscsi://user%initiator-secret@$place"
check "CHAP: a wrong secret" prints "Authentication failure" iscsi-inq "iscsi://user%wrong-secret-00@$place"
check "CHAP: a wrong name" prints "Authentication failure" iscsi-inq "iscsi://loser%initiator-secret@$place"
check "CHAP: no secret" bash -c "! iscsi-inq '$url'"
mutual="iscsi://user%initiator-secret@$place?target_user=tgt&target_password="
check "mutual CHAP" prints "Vendor:APUS" iscsi-inq "${mutual}target-secret-2"
check "mutual CHAP: the initiator finds out a wrong target" prints "Invalid CHAP_R" iscsi-inq "${mutual}another-secret"
check "discovery is open" prints "Target:iqn.2026-11.org.apus:ram" iscsi-ls "iscsi://user%initiator-secret@$portal"
check "CHAP: ^C ends the export with status 0" end_export
check "CHAP: no secret in what the export said" bash -c "! grep -E 'initiator-secret|wrong-secret|target-secret' '$export_log'"
finish
