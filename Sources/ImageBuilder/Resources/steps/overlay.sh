# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Read with `.` by the steps that put files of templates into a tree.

# lay_over FOLDER TREE ROOT: copies the files of FOLDER into TREE. Links on the way there are followed as a program in
# ROOT, whose tree it is or comes from, would follow them: never to a file of this host.
lay_over() {
    (cd "$1" && find . -type f) | while read -r file; do
        file=${file#.}
        folder=$(chroot "$3" readlink -m "${file%/*}/")
        mkdir -p "$2$folder"
        rm -f "$2$folder/${file##*/}"
        cp --preserve=mode "$1$file" "$2$folder/${file##*/}"
    done
}
