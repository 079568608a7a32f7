// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Validation {
    /// What says who may log in to a portal group, and what they have to prove.
    mutating func checkAttributes(of group: PortalGroup, at path: String) {
        let place = "\(path).attributes"
        if group.allowedNetworks == nil {
            self.error("\(place).allowed_networks", "this is no list of networks", "write 10.0.0.0/8,fd00::/8")
        }
        if group.algorithms == nil {
            self.error(
                "\(place).chap_algorithms", "this is no list of CHAP algorithms",
                "write some of 8 (SHA3-256), 7 (SHA-256), 6 (SHA1), 5 (MD5), the best first: 8,7,6,5")
        }
        if let address = group.text("redirect_address"), ServedGroup.redirectionAddress(address) == nil {
            self.error(
                "\(place).redirect_address", "\(address) is no address to send initiators to",
                "write 10.0.0.9, 10.0.0.9:3260 or [fd00::9]:3260")
        }
        self.checkSecrets(of: group.credentials, at: "\(path).chap")
        guard group.isDemoMode, group.wantsAuthentication, group.credentials.user == nil else { return }
        self.warn(
            "\(path).chap_userid", "authentication is required of everybody, and nothing is set to prove it by",
            "set auth userid=… password=… in tpg\(group.tag)")
    }

    mutating func checkAuthentication(of acl: NodeACL, in group: PortalGroup, at path: String) {
        if acl.allowedNetworks == nil {
            self.error(
                "\(path).attributes.allowed_networks", "this is no list of networks", "write 10.0.0.0/8,fd00::/8")
        }
        self.checkSecrets(of: acl.credentials, at: "\(path).chap")
        if case .impossible = group.authentication(of: acl) {
            self.warn(
                "\(path).chap_userid", "\(acl.nodeWWN) has to prove itself, and nothing is set to prove it by",
                "set auth userid=… password=… in acls/\(acl.nodeWWN)")
        }
    }

    mutating func checkDiscovery() {
        let credentials = self.configuration.discoveryCredentials
        self.checkSecrets(of: credentials, at: "fabric_modules.discovery")
        guard self.configuration.wantsDiscoveryAuthentication, credentials.user == nil else { return }
        self.warn(
            "fabric_modules.discovery_userid", "discovery requires authentication, and nothing is set to prove it by",
            "set discovery_auth userid=… password=… in /iscsi")
    }

    /// RFC 7143 §9.2.1: secrets of at least 96 bits, and not the same in both directions.
    private mutating func checkSecrets(of credentials: Credentials, at path: String) {
        if let user = credentials.user, let target = credentials.target, user.secret == target.secret {
            self.error(
                "\(path)_mutual_password", "the same secret in both directions proves nothing",
                "choose another one for the target")
        }
        for (account, name) in [(credentials.user, "password"), (credentials.target, "mutual_password")] {
            guard let account, account.secret.utf8.count < Limits.chapSecretBytes else { continue }
            guard account.secret != JSONValue.hiddenSecret else {
                self.error(
                    "\(path)_\(name)", "\(account.secret) is what is shown in the place of a secret",
                    "write the secret, or begin with: apus config show --secrets")
                continue
            }
            self.warn(
                "\(path)_\(name)", "a secret this short can be guessed from one login that is overheard",
                "use \(Limits.chapSecretBytes) characters or more, chosen at random")
        }
    }
}
