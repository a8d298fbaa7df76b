import Foundation
import HeedFiles

/// One thing to verify that was found under the paths given.
package enum FoundCase: Sendable, Equatable {
    /// A file. `isNamed` says that the user named it, so that it must be a case.
    case file(path: String, isNamed: Bool)
    /// A folder with `config.json`, `model.safetensors` and `expected.safetensors`.
    case model(folder: String)
    /// A folder with `tokenizer.json` and `expected.json`.
    case tokenizer(folder: String)
    /// A path that cannot be read.
    case unreadable(path: String, reason: String)

    package var path: String {
        switch self {
        case .file(let path, _), .model(let path), .tokenizer(let path), .unreadable(let path, _): path
        }
    }
}

/// Finds cases: a file is one, a folder is walked in the order of its names, folders inside it too.
package enum CaseFinder {
    private static let modelFiles: Set = ["config.json", "model.safetensors", "expected.safetensors"]
    private static let tokenizerFiles: Set = ["tokenizer.json", "expected.json"]
    /// The files that belong to a model's case and are no cases themselves.
    private static let partsOfModel = modelFiles.union(["greedy.safetensors"])

    /// Returns the cases under `path`, in order.
    package static func cases(under path: String) -> [FoundCase] {
        var found: [FoundCase] = []
        var visited: Set<FileIdentity> = []
        var status = stat()
        guard stat(path, &status) == 0 else {
            return [.unreadable(path: path, reason: String(cString: strerror(errno)))]
        }
        guard isFolder(status) else { return [.file(path: path, isNamed: true)] }
        walk(path, identity: FileIdentity(status), visited: &visited, into: &found)
        return found
    }

    private struct FileIdentity: Hashable {
        let device: UInt64
        let inode: UInt64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    private static func isFolder(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }

    /// Walks with a list instead of recursion, and each folder once, because links may lead in circles.
    private static func walk(
        _ root: String, identity: FileIdentity, visited: inout Set<FileIdentity>, into found: inout [FoundCase]
    ) {
        enum Step { case folder(String, FileIdentity), file(String), unreadable(String) }
        var pending: [Step] = [.folder(root, identity)]
        while let step = pending.popLast() {
            let (folder, identity): (String, FileIdentity)
            switch step {
            case .file(let path):
                found.append(.file(path: path, isNamed: false))
                continue
            case .unreadable(let path):
                found.append(.unreadable(path: path, reason: "its name is not UTF-8"))
                continue
            case .folder(let path, let own): (folder, identity) = (path, own)
            }
            guard visited.insert(identity).inserted else { continue }
            let listing: FolderListing
            do { listing = try FolderListing(path: folder) } catch {
                found.append(.unreadable(path: folder, reason: "the folder cannot be listed"))
                continue
            }
            let names = listing.names
            let isModel = modelFiles.isSubset(of: names)
            if isModel { found.append(.model(folder: folder)) }
            if tokenizerFiles.isSubset(of: names) { found.append(.tokenizer(folder: folder)) }
            var steps: [Step] = []
            for name in names where !(isModel && partsOfModel.contains(name)) {
                let path = Self.path(of: name, in: folder)
                var status = stat()
                if stat(path, &status) == 0, isFolder(status) {
                    steps.append(.folder(path, FileIdentity(status)))
                } else if name.hasSuffix(".safetensors") {
                    steps.append(.file(path))
                }
            }
            // An entry that might be a case is reported, not skipped.
            for name in listing.unreadable where name.isFolder || name.bytes.suffix(suffix.count) == suffix {
                steps.append(.unreadable(Self.path(of: name.shown, in: folder)))
            }
            pending.append(contentsOf: steps.reversed())
        }
    }

    private static let suffix = Array(".safetensors".utf8)[...]

    private static func path(of name: String, in folder: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }
}
