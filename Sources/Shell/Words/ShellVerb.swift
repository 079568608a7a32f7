// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A verb of the shell, as `help` tells of it.
package struct ShellVerb: Sendable {
    package var name: String
    /// The form of a line with it.
    package var usage: String
    /// What it does, in half a line that its name begins.
    package var words: String
    /// What a user learns from `help NAME`: lines that fit 80 columns.
    package var lesson: String

    init(_ name: String, _ usage: String, _ words: String, _ lesson: String) {
        self.name = name
        self.usage = usage
        self.words = words
        self.lesson = lesson
    }

    package static let all: [ShellVerb] = (Self.looking + Self.moving + Self.changing + Self.keeping)
        .sorted { $0.name < $1.name }

    /// Those whose answer is a JSON document where that is asked for.
    static let listing = ["ls", "info", "get", "sessions", "bookmarks"]

    /// What `help` says before it lists the verbs.
    static let introduction = """
        A line is [PATH] VERB [PARAMETER …]. Without PATH the verb is done where you are;
        PATH alone goes there. Parameters are given in their order or as name=value.
        A path may have wildcards: /iscsi/*/tpg1 enable is done at each, and * alone is
        every child of where you are. @NAME is a bookmark. Tab completes, and shows what
        is possible; help VERB teaches a verb.


        """

    private static let looking = [
        ShellVerb(
            "ls", "ls [PATH] [DEPTH]", "draws the tree",
            """
            Draws the tree from PATH, or from where you are, DEPTH levels deep; 0 is all of it.
            In brackets stands what matters of each node: green where it is well, red where
            something is missing.

              ls /iscsi 2         the targets and their portal groups
              ls /iscsi/*/tpg1    each of these
              * ls                each child of where you are
            """),
        ShellVerb(
            "get", "get [GROUP [NAME …]]", "shows settings",
            """
            Shows the settings of a node: all of a group, or those that are named. Without GROUP
            it names the groups that the node has:

              attribute       of portal groups, ACLs and backstores
              parameter       of portal groups: what the target negotiates with
              auth            CHAP's names and secrets, of portal groups and ACLs; secrets are
                              never shown
              discovery_auth  the same for discovery, at /iscsi
              alua            of the groups below a backstore's alua, and of LUNs
              global          your own preferences, everywhere
            """),
        ShellVerb(
            "info", "info", "shows what is saved of this node",
            """
            Shows what the configuration has of the node, without its settings and children.
            With --json it is the whole entry as it stands in the file, without its secrets.
            """),
        ShellVerb(
            "status", "status", "shows the summary of this node",
            "Shows what stands in the node's brackets when the tree is drawn."),
        ShellVerb(
            "sessions", "sessions [list|detail] [SID]", "shows who is logged in",
            """
            Lists the sessions that initiators have with the targets, or the one with the number
            SID; detail adds what each initiator reaches, and what the two sides agreed on.
            apus status shows how busy they are.
            """),
        ShellVerb("version", "version", "shows the version", "Shows the version of Apus."),
        ShellVerb(
            "help", "help [VERB]", "teaches the verbs",
            "Lists the verbs, or teaches one of them."),
        ShellVerb(
            "refresh", "refresh", "does nothing: the tree is always the present one",
            """
            Here for those who are used to it. Every verb works on the configuration as it is
            at that moment, whoever changed it last.
            """),
    ]

    private static let moving = [
        ShellVerb(
            "cd", "cd [PATH | - | < | > | @BOOKMARK]", "goes to a path",
            """
            Goes to PATH: from the root where it begins with /, else from where you are.
            . and .. mean what they do for folders.

              cd            shows the tree: choose with the arrow keys and Return, q stays
              cd -          back to where you were
              cd <  cd >    back and forth through all the places where you were
              cd @home      to a bookmark; @last is the node that you created last
            """),
        ShellVerb("pwd", "pwd", "shows where you are", "Shows the path of the node where you are."),
        ShellVerb(
            "bookmarks", "bookmarks add|del|go|show [NAME]", "remembers paths",
            """
            Gives paths names, which are kept between runs.

              bookmarks add home    here is @home from now on
              bookmarks go home     the same as cd @home
              bookmarks del home    forgets it
              bookmarks show        lists them

            @home may stand wherever a path may: ls @home, @home create …
            """),
    ]

    private static let changing = [
        ShellVerb(
            "create", "create PARAMETER …", "makes a child of this node",
            """
            What it makes hangs on where you are:

              /backstores/fileio     name file_or_dev [size] [write_back] [sparse] [wwn]
              /backstores/block      name dev [readonly] [wwn]
              /backstores/pscsi      name dev          a SCSI device of any kind, as it is
              /backstores/ramdisk    name size [nullio] [wwn]
              …/alua                 name tag
              /iscsi                 [wwn]             with a portal group and its portal
              /iscsi/TARGET          [tag]
              …/acls                 wwn [add_mapped_luns]
              …/acls/INITIATOR       mapped_lun tpg_lun_or_backstore [write_protect]
              …/luns                 storage_object [lun] [add_mapped_luns]
              …/portals              [ip_address] [ip_port]

            Sizes are written 512M, 10G. A LUN may also be made of a file or a device, which
            then becomes a backstore: /iscsi/TARGET/tpg1/luns create /srv/disk.img
            """),
        ShellVerb(
            "delete", "delete NAME", "removes a child of this node",
            """
            Removes the child NAME and all beneath it; a backstore goes with the LUNs that it is.
            NAME may have wildcards: delete lun* removes every LUN, one after the other.
            """),
        ShellVerb(
            "resize", "resize SIZE", "makes a file or RAM disk larger while it is served",
            """
            At a backstore: makes the file or RAM disk SIZE bytes, at least as many as it has.
            Initiators that are logged in are told, and stay. Linux looks at the new size after
            iscsiadm -m session -R. A device that has grown: apus config reload.

              /backstores/fileio/disk1 resize 20G
            """),
        ShellVerb(
            "set", "set GROUP NAME=VALUE …", "changes settings",
            """
            Changes settings of a node; help get lists the groups. They are in effect, and saved,
            when the prompt is back. Without NAME it tells what each setting can be.

              /iscsi/TARGET/tpg1 set attribute authentication=1
              /iscsi/TARGET/tpg1/acls/INITIATOR set auth userid=me password=secret
              set global auto_cd_after_create=true
            """),
        ShellVerb(
            "enable", "enable", "puts a portal group into service",
            "Puts a portal group into service: initiators find it and may log in."),
        ShellVerb(
            "disable", "disable", "takes a portal group out of service",
            """
            Takes a portal group out of service: its sessions end, and nobody can log in to it
            until it is enabled again.
            """),
        ShellVerb(
            "tag", "tag WWN_OR_TAG NEW_TAG", "puts initiators under one name",
            """
            In acls: gives an initiator, or all those of a tag, a name of your own. Those that
            share a tag are one node of the tree, and what is set there is set for each. One
            that joins a tag takes over its mapped LUNs and settings. info names them.
            """),
        ShellVerb(
            "untag", "untag WWN_OR_TAG", "takes initiators' tag away",
            "In acls: shows the initiators by their own names again; they stay as they are set."),
    ]

    private static let keeping = [
        ShellVerb(
            "saveconfig", "saveconfig [FILE]", "writes the configuration to a file",
            """
            Writes the configuration, secrets included, to FILE (mode 0600). Without FILE it says
            where every change has been saved already. What was before: apus config history.
            """),
        ShellVerb(
            "restoreconfig", "restoreconfig FILE [clear_existing] [target] [storage_object]",
            "takes over a saved file",
            """
            Adds what FILE has to what there is, as far as it can be served, and says entry by
            entry what cannot and why. The file may be of an LIO host. It refuses targets and
            backstores that exist here, unless:

              clear_existing=true     what is here goes first; machines that boot stay
              target=IQN              takes over that target only
              storage_object=NAME     takes over that backstore only
            """),
        ShellVerb(
            "clearconfig", "clearconfig confirm=true", "removes every backstore and target",
            """
            Removes everything of the tree. Machines that boot (apus client) stay.
            apus config rollback brings it back.
            """),
        ShellVerb(
            "exit", "exit", "leaves the shell",
            "Leaves the shell. Every change has been saved when it was made."),
    ]
}
