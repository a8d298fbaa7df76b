import Foundation
import Testing

/// What `make setup` says where something is missing that `make` itself needs.
@Suite struct SetupTests {
    private static let makeIsThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/make")

    /// Runs `make setup` with a `PATH` of one folder: links to some programs of the system, and `swift`, a script.
    private static func setup(swift: String?, without missing: String = "") throws -> (status: Int32, errors: String) {
        let files = FileManager.default
        let folder = files.temporaryDirectory.appendingPathComponent("heed-setup-\(UUID().uuidString)")
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? files.removeItem(at: folder) }
        for tool in [
            "awk", "cmake", "dirname", "dpkg-query", "env", "git", "grep", "head", "id", "nproc", "readlink", "sed",
            "sort", "tail",
        ] where tool != missing && files.fileExists(atPath: "/usr/bin/\(tool)") {
            try files.createSymbolicLink(
                at: folder.appendingPathComponent(tool), withDestinationURL: URL(fileURLWithPath: "/usr/bin/\(tool)"))
        }
        if let swift {
            let path = folder.appendingPathComponent("swift")
            try Data("#!/bin/sh\n\(swift)\n".utf8).write(to: path)
            try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path.path)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/make")
        // The packages are not what is tested, and nothing may be installed.
        process.arguments = ["-C", Repository.root.path, "setup", "CLANG=/bin/true", "PACKAGES="]
        process.environment = ["PATH": folder.path]
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let errors = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: errors, as: UTF8.self))
    }

    private static let newEnough = "echo 'Swift version 6.2.1 (swift-6.2.1-RELEASE)'"

    @Test(.enabled(if: makeIsThere)) func `all is there`() throws {
        let all = try Self.setup(swift: Self.newEnough)
        #expect(all.status == 0, "\(all.errors)")
        let later = try Self.setup(swift: "echo 'Apple Swift version 6.10-dev'")
        #expect(later.status == 0, "\(later.errors)")
    }

    @Test(.enabled(if: makeIsThere)) func `there is no Swift`() throws {
        let none = try Self.setup(swift: nil)
        #expect(none.status == 2 && none.errors.contains("swift.org/install"), "\(none.errors)")
    }

    // A toolchain that was unpacked on a bare system.
    @Test(.enabled(if: makeIsThere)) func `Swift does not start`() throws {
        let broken = try Self.setup(
            swift: "echo \"swift: libedit.so.2: cannot open \\`shared\\` object\" >&2; exit 127")
        #expect(broken.status == 2 && broken.errors.contains("libedit.so.2: cannot open `shared`"), "\(broken.errors)")
        #expect(broken.errors.contains("apt-get install") && broken.errors.contains("libcurl4-openssl-dev"))
        // Here the compiler starts, and the package manager does not.
        let half = try Self.setup(
            swift: "[ $1 = --version ] && { \(Self.newEnough); exit 0; }; echo 'swift-build: libcurl.so.4' >&2; exit 1")
        #expect(half.status == 2 && half.errors.contains("libcurl.so.4"), "\(half.errors)")
    }

    @Test(.enabled(if: makeIsThere)) func `Swift is too old`() throws {
        let old = try Self.setup(swift: "echo 'Swift version 5.10.1 (swift-5.10.1-RELEASE)'")
        #expect(old.status == 2 && old.errors.contains("6.2") && old.errors.contains("is 5.10"), "\(old.errors)")
    }

    @Test(.enabled(if: makeIsThere), arguments: ["cmake", "git"]) func `a program is missing`(_ tool: String) throws {
        let less = try Self.setup(swift: Self.newEnough, without: tool)
        #expect(less.status == 2 && less.errors.contains("PATH lacks \(tool)"), "\(less.errors)")
        #expect(less.errors.contains("apt-get install \(tool)"))
    }
}
