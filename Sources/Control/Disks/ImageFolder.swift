// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
package import Model

/// The images that the image builder has made: `<state>/images/<name>/`.
package struct ImageFolder: Sendable {
    package let stateFolder: String

    package init(stateFolder: String) {
        self.stateFolder = stateFolder
    }

    /// The images that are whole: those whose manifest can be read.
    package func surroundings() -> Surroundings {
        var surroundings = Surroundings(stateFolder: self.stateFolder)
        let images = self.stateFolder + "/images"
        for name in SystemFiles.names(in: images) {
            let folder = "\(images)/\(name)"
            surroundings.images[name] = Self.image(in: folder)
        }
        return surroundings
    }

    /// The image whose files are in `folder`; nil where there is none that is whole.
    static func image(in folder: String) -> BootableImage? {
        guard let text = try? SystemFiles.read("\(folder)/\(ImageLayout.manifest)"),
            let manifest = try? JSONText.read(ImageManifest.self, from: text),
            manifest.format <= ImageManifest.currentFormat
        else { return nil }
        return BootableImage(folder: folder, manifest: manifest)
    }
}
