import Foundation
import Testing

/// Which module may import which: the order of CONTRIBUTING.md.
enum ModuleLayers {
    static let below: [String: Set<String>] = [
        "HeedPlatform": ["Darwin", "Glibc", "Musl"],
        "HeedTensor": ["CKernels", "HeedPlatform"],
        "HeedJSON": [],
        "HeedText": ["HeedJSON"],
        "HeedPlot": ["HeedPlatform"],
        "HeedFiles": ["HeedPlatform", "HeedTensor", "HeedJSON"],
        "HeedData": ["HeedPlatform", "HeedTensor", "HeedJSON", "HeedFiles"],
        "HeedAutograd": ["HeedTensor"],
        "HeedNN": ["HeedTensor", "HeedJSON", "HeedFiles", "HeedAutograd"],
        "HeedTrain": ["HeedPlatform", "HeedTensor", "HeedJSON", "HeedFiles", "HeedAutograd", "HeedNN"],
        "HeedModels": [
            "HeedPlatform", "HeedTensor", "HeedJSON", "HeedText", "HeedFiles", "HeedAutograd", "HeedNN", "HeedTrain",
        ],
        "HeedRecipes": [
            "HeedPlatform", "HeedPlot", "HeedTensor", "HeedJSON", "HeedText", "HeedFiles", "HeedData", "HeedAutograd",
            "HeedNN", "HeedTrain", "HeedModels",
        ],
        "Heed": [
            "HeedTensor", "HeedJSON", "HeedText", "HeedFiles", "HeedData", "HeedAutograd", "HeedNN", "HeedTrain",
            "HeedModels", "HeedRecipes",
        ],
        "HeedCommand": ["Heed", "HeedPlatform", "HeedPlot", "HeedTensor", "HeedFiles", "ArgumentParser"],
    ]

    /// What comes with the toolchain, for every module. The system's C library is for one module, which hands it on.
    static let system: Set<String> = ["Dispatch", "Synchronization"]

    /// What the command may import beside: Foundation makes a static program 40 MB larger, so the libraries do without.
    static let ofTheCommand: Set<String> = ["Foundation"]

    /// The only folder that calls C.
    static let callers = "Sources/HeedTensor/Kernels/"
}

@Suite("Arrows between the modules")
struct SwiftArrowTests {
    /// The module that a line imports, nil in other lines.
    private func module(importedBy line: String) -> String? {
        let beginnings = ["import ", "@", "public ", "package ", "internal ", "fileprivate ", "private "]
        guard beginnings.contains(where: line.hasPrefix) else { return nil }
        let words = line.components(separatedBy: " ")
        // Before the word there are attributes and an access level only.
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
            words[..<place].allSatisfy({ $0.hasPrefix("@") || beginnings.contains("\($0) ") })
        else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        let name = kinds.contains(words[place + 1]) ? words[place + 2] : words[place + 1]
        return name.components(separatedBy: ".")[0]
    }

    /// A library imports nothing but the modules below it and the system's: no package of others.
    @Test func everyImportPointsDown() {
        var count = 0
        var faults: [String] = []
        for file in Repository.sources(in: "Sources", "swift") {
            let name = file.path.components(separatedBy: "/")[1]
            let below = ModuleLayers.below[name]
            let system = ModuleLayers.system.union(name == "HeedCommand" ? ModuleLayers.ofTheCommand : [])
            for line in file.lines {
                guard let module = module(importedBy: line.text) else { continue }
                count += 1
                let isAllowed = below?.contains(module) == true || system.contains(module)
                if !isAllowed { faults.append(file.place(line)) }
            }
        }
        #expect(count > 300)
        record(faults)
    }

    @Test func oneFolderCallsC() {
        let others = Repository.sources.filter {
            $0.path.hasSuffix(".swift") && !$0.path.hasPrefix(ModuleLayers.callers)
        }
        let faults = others.flatMap { file in
            file.lines.filter { module(importedBy: $0.text) == "CKernels" }.map(file.place)
        }
        record(faults)
    }

    /// The sentence of CONTRIBUTING.md that orders the modules names each, after all that it may import.
    @Test func theOrderIsThatOfCONTRIBUTING() throws {
        let text = try Repository.text(of: "CONTRIBUTING.md")
        let sentence = try #require(text.components(separatedBy: "imports only what stands before it: ").last)
        let order = sentence.components(separatedBy: ".")[0]
            .components(separatedBy: CharacterSet.alphanumerics.inverted).filter { !$0.isEmpty }
        #expect(Set(order) == Set(ModuleLayers.below.keys).union(["CKernels"]))
        for (module, below) in ModuleLayers.below {
            let before = order.prefix { $0 != module }
            let ours = below.filter { $0.hasPrefix("Heed") || $0 == "CKernels" }
            #expect(ours.isSubset(of: before), "\(module)")
        }
    }
}
