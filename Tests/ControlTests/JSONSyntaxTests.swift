// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import NIOCore
import Testing

@testable import ControlAPI

@Suite("Where JSON is wrong")
struct JSONSyntaxTests {
    @Test(
        arguments: [
            ("", "line 1, column 1: a value is expected"),
            ("{bad", "line 1, column 2: a key in quotation marks is expected"),
            ("{\n  \"a\": 1,\n, }", "line 3, column 1: a key in quotation marks is expected"),
            ("{\n  \"a\": 1\n  \"b\": 2}", "line 3, column 3: a comma or } is expected"),
            ("[1, 2", "line 1, column 6: a comma or ] is expected"),
            ("{\"a\" 1}", "line 1, column 6: a colon is expected"),
            ("{\"a\": yes}", "line 1, column 7: a value is expected"),
            ("{\"a\": \"b}", "line 1, column 7: an end of the string is expected"),
            ("{\"a\": \"b\n\"}", "line 1, column 9: the string's quotation mark is expected"),
            ("{} {}", "line 1, column 4: nothing more is expected"),
            ("nonsense", "line 1, column 1: a value is expected"),
            (String(repeating: "[", count: 600), "line 1, column 513: an end of what is nested is expected"),
        ])
    func `a flaw has its line, its column and what belongs there`(text: String, words: String) {
        let error = #expect(throws: JSONTextError.self) {
            try JSONText.read(JSONValue.self, from: ByteBuffer(string: text))
        }
        #expect(error?.description == words)
    }

    @Test(arguments: [
        "{}", " [ ] ", "{\"a\": [1, -2.5e3, true, null, \"x\\\"\\\\\"], \"b\": {\"c\": {}}}\n", "\"\\u00e4\"", "0",
    ])
    func `nothing is found where nothing is wrong`(text: String) {
        #expect(JSONSyntax.flaw(in: ByteBuffer(string: text)) == nil)
    }
}
