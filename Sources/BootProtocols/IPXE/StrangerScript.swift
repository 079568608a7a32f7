// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The scripts for machines that the configuration does not know, or not yet.
package struct StrangerScript: Hashable, Sendable {
    package var mac: MACAddress
    /// The host's address, as the machine's screen is to show it.
    package var server: String
    /// The URL of the machine's script, which is asked again.
    package var url: String
    /// Where a machine tells who it is, and where it is enrolled; both go on with `&key=value`.
    package var introductionURL: String
    package var enrolmentURL: String

    package init(mac: MACAddress, server: String, url: String, introductionURL: String, enrolmentURL: String) {
        self.mac = mac
        self.server = server
        self.url = url
        self.introductionURL = introductionURL
        self.enrolmentURL = enrolmentURL
    }

    /// Asks the machine for what only iPXE can tell of it; by its serial number it may be known after all.
    package var introduction: String {
        """
        #!ipxe
        chain --replace --autofree \(ScriptText.plain(self.introductionURL))\(Self.facts) || goto failed
        :failed
        \(IPXEScript.again(self.url, seconds: 10))
        """
    }

    private static let facts = "&uuid=${uuid}&serial=${serial:uristring}"

    /// Says on the machine's screen what it is and what to type.
    ///
    /// It asks again for ten minutes, so that the machine boots as soon as it is configured, then leaves it to the
    /// firmware to go on with its next boot device: the machine may have a disk and be none of ours.
    package var unknown: String {
        """
        #!ipxe
        echo
        echo Apus at \(ScriptText.plain(self.server)) does not know this machine.
        echo
        echo   MAC address  \(self.mac)
        echo   UUID         ${uuid}
        echo   Serial       ${serial}
        echo   Product      ${manufacturer} ${product}
        echo
        echo To boot it, type on the server:
        echo   apus client add NAME --mac \(self.mac) --image IMAGE
        echo
        isset ${apus-tries} || set apus-tries:int32 0
        inc apus-tries
        iseq ${apus-tries} 40 && goto leave ||
        prompt --timeout 15000 Asking again in 15 s. Press a key to leave iPXE. && goto leave ||
        chain --replace --autofree \(ScriptText.plain(self.url)) ||
        :leave
        clear apus-tries
        \(Self.leaving)
        """
    }

    private static let leaving = """
        echo Leaving iPXE: the firmware goes on with its next boot device.
        exit 1

        """

    /// Lets whoever stands before the machine choose what it is to boot, and by which name it is to be known.
    ///
    /// Nobody may be there: after two minutes the firmware goes on with its next boot device.
    package func menu(images: [String]) -> String {
        // A key picks each of the first nine, for those whose terminal has no arrows.
        let items = images.enumerated().map { index, image in
            let name = ScriptText.plain(image)
            return index < 9 ? "item --key \(index + 1) \(name) \(index + 1)  \(name)" : "item \(name)    \(name)"
        }.joined(separator: "\n")
        return """
            #!ipxe
            :menu
            menu Apus at \(ScriptText.plain(self.server)): machine \(self.mac) is not known yet
            item --gap What is it to boot? It gets a disk of its own, a copy of the image.
            \(items)
            item --gap
            item .shell iPXE's shell
            item .leave Leave it to the firmware's next boot device
            choose --timeout 120000 --default .leave apus-image || goto leave
            iseq ${apus-image} .shell && goto shell ||
            iseq ${apus-image} .leave && goto leave ||
            set apus-name \(Self.suggestedName(self.mac))
            echo
            echo Its name, of small letters, digits, - and . (Enter takes the one that stands there):
            read apus-name
            echo
            echo Enrolling ${apus-name}: its disk is being copied ...
            set apus-what &image=${apus-image:uristring}&name=${apus-name:uristring}
            chain --replace --autofree \(ScriptText.plain(self.enrolmentURL))\(Self.facts)${apus-what} || goto menu
            :shell
            echo Type exit to come back to the menu.
            shell
            goto menu
            :leave
            \(Self.leaving)
            """
    }

    /// What a machine is called where nobody thinks of a better name.
    package static func suggestedName(_ mac: MACAddress) -> String {
        "pc-" + mac.description.filter { $0 != ":" }
    }

    /// After an enrolment: goes on with the machine's own script.
    package func enrolled(as client: String) -> String {
        """
        #!ipxe
        echo Apus: this machine is "\(ScriptText.plain(client))" now
        chain --replace --autofree \(ScriptText.plain(self.url)) || goto failed
        :failed
        \(IPXEScript.again(self.url, seconds: 10))
        """
    }

    /// After an enrolment that was refused: says why and goes back to the menu.
    package func refused(_ reason: String) -> String {
        """
        #!ipxe
        echo
        echo Apus: this machine was not enrolled: \(ScriptText.plain(reason))
        prompt --timeout 60000 Press a key to go back to the menu. ||
        chain --replace --autofree \(ScriptText.plain(self.url)) || goto failed
        :failed
        \(IPXEScript.again(self.url, seconds: 10))
        """
    }
}
