// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Hummingbird
import NIOCore

/// A page for a browser: the machines, and how far each boot has come. It reads the API and changes nothing.
///
/// The page itself is the same for everybody and is served without the token; what it shows it asks for with the token that
/// its reader types, which it keeps for that tab alone.
enum Dashboard {
    static func add(to router: Router<BasicRequestContext>) {
        router.get("/") { _, _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
                    // Nothing from elsewhere: what machines tell of themselves is shown here.
                    .contentSecurityPolicy:
                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                        + "connect-src 'self'; frame-ancestors 'none'",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(string: Self.page)))
        }
    }

    private static let page = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>Apus</title>
        <style>
          body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }
          table { border-collapse: collapse; width: 100% }
          th, td { text-align: left; padding: .35rem .8rem .35rem 0; vertical-align: top; border-bottom: 1px solid #8884 }
          .stopped { color: #c33 } .up { color: #383 } small { display: block; opacity: .8 }
          progress { width: 9rem }
        </style>
        <h1>Apus</h1>
        <p id="said"></p>
        <table hidden><thead><tr><th>Machine<th>Known by<th>Boots<th>Method<th>Stage<th>Stands<th>Last seen</thead><tbody></tbody></table>
        <script>
        const stages = ["discover", "offer", "boot-file", "script", "kernel", "initramfs", "firmware-login", "firmware-read",
          "boot-loader", "kernel-login", "kernel-read", "root", "up"]
        const cell = (row, text) => { const td = row.insertCell(); td.textContent = text ?? ""; return td }
        const note = (td, text) => { const small = document.createElement("small"); small.textContent = text; td.append(small) }
        const said = document.getElementById("said"), table = document.querySelector("table"), body = table.tBodies[0]
        function show(status) {
          said.textContent = `${status.version}, configuration version ${status.generation}`
          table.hidden = false
          body.replaceChildren()
          for (const machine of status.machines) {
            const row = body.insertRow()
            for (const key of ["client", "mac", "source", "method"]) cell(row, machine[key])
            const bar = document.createElement("progress")
            bar.max = stages.length
            bar.value = stages.indexOf(machine.stage) + 1
            cell(row, machine.stage ?? "").prepend(bar, " ")
            const standing = cell(row, machine.standing ?? "not seen")
            if (machine.standing === "up") standing.className = "up"
            if (machine.diagnosis) {
              standing.className = "stopped"
              note(standing, `likely: ${machine.diagnosis.reason}`)
              note(standing, `do: ${machine.diagnosis.remedy}`)
            }
            cell(row, machine.lastSeen ? new Date(machine.lastSeen).toLocaleTimeString() : "")
          }
        }
        async function look() {
          const token = sessionStorage.getItem("token")
          const answer = await fetch("v1/status", token ? { headers: { authorization: `Bearer ${token}` } } : {})
          if (answer.status === 401) {
            const typed = prompt("The API's token (api.token in the state folder of the daemon)")
            if (typed === null) { said.textContent = "Without the token there is nothing to see."; return }
            sessionStorage.setItem("token", typed.trim())
          } else if (answer.ok) {
            show(await answer.json())
          }
          setTimeout(look, answer.ok ? 2000 : 0)
        }
        const again = () => look().catch(() => { said.textContent = "The daemon does not answer."; setTimeout(again, 5000) })
        again()
        </script>
        </html>

        """
}
