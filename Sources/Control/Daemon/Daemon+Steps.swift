// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import BootServer
import HashTreeCollections
import ISCSI
import ISCSIServer
import Logging
import Model
import NIOCore
import SCSI

extension Daemon {
    /// Does the steps in order and returns what did not work. A step that fails does not keep the others from being
    /// done: what needs it is left out.
    func carryOut(_ steps: [Step]) async -> [Problem] {
        var faults: [Problem] = []
        self.runsExpanded = false
        for step in steps {
            let achievable = self.achievable(step)
            do {
                try await self.perform(achievable)
                self.running.apply(achievable)
                self.logger.debug("\(achievable)")
            } catch {
                let fault = Self.fault(of: step, error)
                self.logger.error("\(fault)")
                faults.append(fault)
            }
        }
        return faults
    }

    /// A target without the LUNs whose stores could not be opened.
    private func achievable(_ step: Step) -> Step {
        guard case .setTarget(var target) = step, target.backstores.contains(where: { self.units[$0] == nil })
        else { return step }
        for index in target.groups.indices {
            target.groups[index].luns = target.groups[index].luns.filter { self.units[$0.value] != nil }
        }
        return .setTarget(target)
    }

    private func perform(_ step: Step) async throws {
        switch step {
        case .stopBoot:
            await self.seams.boot.stop()
        case .stopListening(let portal):
            await self.seams.targets.stopListening(Portal(portal))
        case .removeTarget(let name):
            await self.seams.targets.removeTarget(name)
        case .closeBackstore(let name):
            await self.close(name)
        case .openBackstore(let name, let backstore):
            let keeper = try await self.keeper(of: name, serial: backstore.serial)
            let store = try await self.seams.stores.open(backstore)
            self.units[name] = ServedUnit(
                identity: LogicalUnitIdentity(product: backstore.product, serial: backstore.serial), store: store,
                info: store.info.reporting(backstore.attributes), settings: LogicalUnitSettings(backstore.attributes),
                keeper: keeper)
        case .growBackstore(let name, let backstore):
            guard let unit = self.units[name], let size = backstore.size else { return }
            _ = try await Self.blocking { try unit.grow(to: UInt64(size)) }
        case .setAccess(let name, let access):
            self.units[name]?.setTargetPortGroups(TargetPortGroups(access))
        case .setLoaderArguments(let name, let arguments):
            guard case .file(let path, _, _, _?) = self.running.backstores[name]?.kind else { return }
            try await Self.blocking { try ClientDisk.setLoaderArguments(path, arguments) }
        case .setTarget(let target):
            await self.seams.targets.setTarget(TargetDefinition(target, units: self.units))
        case .setDiscovery(let authentication):
            await self.seams.targets.setDiscoveryAuthentication(Authentication(authentication))
        case .listen(let portal):
            try await self.seams.targets.listen(Portal(portal))
        case .startBoot(let boot):
            self.machines.set(boot)
            let inbox = self.eventInbox
            let services = BootServices(boot.services, stateFolder: self.options.stateFolder)
            try await self.seams.boot.start(services, directory: self.machines) {
                inbox.yield(Event(at: .now(), kind: .boot($0)))
            }
        case .setMachines(let machines):
            guard var boot = self.running.boot else { return }
            boot.machines = machines
            self.machines.set(boot)
        }
    }

    /// Where the backstore's unit keeps what must outlive a power cut: `<state>/units/<name>.state`.
    private func keeper(of name: String, serial: String) async throws -> UnitKeeper {
        let folder = self.options.stateFolder + "/units"
        return try await Self.blocking {
            let file = StateFile(name: name.trimmingPrefix("/backstores/").description, in: folder)
            let content = try file.read(limit: SCSI.Limits.memoryBytes)
            do {
                return try UnitKeeper(serial: serial, content: content) { text in
                    try SystemFiles.makeFolder(folder, mode: 0o750)
                    try file.write(text)
                }
            } catch {
                throw FileProblem(
                    .badContent,
                    "\(file.path), which holds the persistent reservations of \(name), is damaged (\(error)); "
                        + "remove it to serve the disk without them")
            }
        }
    }

    /// Looks whether files and devices have grown, and tells their initiators.
    func lookAtSizes() async {
        for (name, unit) in self.units.sorted(by: { $0.key < $1.key }) where unit.store is any GrowingStore {
            do {
                if try await Self.blocking({ try unit.grow(to: nil) }) {
                    self.logger.notice("\(name) has \(unit.info.geometry.blockCount) blocks now")
                }
            } catch {
                self.logger.error("\(name): \(error)")
            }
        }
    }

    /// Closes a store. It is gone afterwards even if its last flush failed, which the log then tells.
    private func close(_ name: String) async {
        guard let unit = self.units.removeValue(forKey: name) else { return }
        await unit.stop()
        do {
            try await Self.blocking { try unit.store.close() }
        } catch {
            self.logger.critical(
                "\(name): closing failed, so what was written last may be lost: \(error); check the disk it is on")
        }
    }

    /// What is so of an entry that does not run, unless the change that brought it is refused because of it.
    static let leftOut = "it is left out until the next change or reload"

    private static func fault(of step: Step, _ error: any Error) -> Problem {
        switch step {
        case .openBackstore(let name, _):
            return .error(name, "\(error)", Self.leftOut)
        case .growBackstore(let name, _):
            return .error(name, "\(error)", "it is served with the size that it had")
        case .listen(let portal):
            guard let error = error as? PortalError else {
                return .error("portal \(portal)", "\(error)", Self.leftOut)
            }
            return .error("portal \(portal)", error.cause, error.remedy)
        case .setLoaderArguments(let name, _):
            return .warning(name, "\(error)", "the machine boots with the arguments it had")
        case .startBoot, .stopBoot, .setMachines:
            return .error("boot.services", "\(error)", "they are off until the next change or reload")
        case .stopListening, .removeTarget, .closeBackstore, .setAccess, .setTarget, .setDiscovery:
            return .error("\(step)", "\(error)", "the log may tell more")
        }
    }
}

extension TargetPortGroups {
    init(_ access: AccessMap) {
        self.init(
            groups: access.groups.map { group in
                Group(
                    id: group.id, state: AccessState(group.state),
                    isPreferred: group.isPreferred,
                    supportedStates: Set(group.supportedStates.map(AccessState.init)),
                    hasImplicitTransitions: group.hasImplicitTransitions,
                    hasExplicitTransitions: group.hasExplicitTransitions,
                    implicitTransitionSeconds: group.implicitTransitionSeconds, keepsState: group.keepsState,
                    transitionMilliseconds: group.transitionMilliseconds)
            })
        for (port, group) in access.ports {
            self.members[Port(targetName: port.target.lowercased(), relativePort: port.tag)] = group
        }
    }
}

extension AccessState {
    /// `alua_access_state` counts the states as the standard does; validation lets no other through.
    fileprivate init(_ number: Int) {
        self = UInt8(exactly: number).flatMap(AccessState.init(rawValue:)) ?? .unavailable
    }
}

extension Portal {
    init(_ portal: PortalAddress) {
        self.init(host: portal.address.description, port: Int(portal.port))
    }
}
