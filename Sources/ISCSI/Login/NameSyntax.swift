// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a name must be like before it is looked up, logged or shown on an operator's terminal.
///
/// RFC 7143 §4.2.7 allows less than this (letters, digits, `-`, `.` and `:`); initiators of the field write `_` and
/// other visible characters too, and a target that has such a name was configured so.
enum NameSyntax {
    /// Whether `text` may be an iSCSI name: at most 223 bytes, all of them visible.
    static func isName(_ text: String) -> Bool {
        text.utf8.count <= Limits.nameLength && text.unicodeScalars.allSatisfy(Self.isVisible)
    }

    /// Whether `text` may be an alias: as a name, with blanks.
    static func isAlias(_ text: String) -> Bool {
        text.utf8.count <= Limits.aliasLength && text.unicodeScalars.allSatisfy { $0 == " " || Self.isVisible($0) }
    }

    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value > 0x20 && scalar.value < 0x7f }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse, .surrogate,
            .unassigned:
            return false
        default:
            return true
        }
    }
}
