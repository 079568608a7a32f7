// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Where a command that needs more than one step stands.
package enum CommandContinuation: Sendable {
    case none
}

/// What INQUIRY tells of a logical unit.
package struct LogicalUnitIdentity: Sendable {
    /// The backstore's name: INQUIRY's product identification.
    package var product: String
    /// The unit serial number (VPD page 80), a UUID as LIO writes it.
    package var serial: String

    package init(product: String, serial: String) {
        self.product = product
        self.serial = serial
    }
}
