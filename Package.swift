// swift-tools-version: 6.1
// The one list of targets. Each room may import only the rooms that its target names; the order below is the order of
// the house.
import PackageDescription

/// Release code skips no check that guards memory; a place that is proven in bounds says so where it stands. Functions
/// stand in sections of their own, so that the linker drops and folds them one by one; and the regular expressions of
/// Swift's own library, which nobody uses here, are not linked.
let swift: [SwiftSetting] = [
  .enableUpcomingFeature("MemberImportVisibility"),
  .unsafeFlags(["-Xfrontend", "-function-sections", "-Xfrontend", "-disable-implicit-string-processing-module-import"]),
]

/// The kernels are compiled once for each instruction set, from the same files. Their instructions stay in the order of
/// the source: the compiler's own order brings loads forward until sums no longer fit the registers.
let kernelFlags = [
  "-Ounchecked", "-whole-module-optimization", "-num-threads", "2", "-Xllvm", "-unroll-threshold=4000", "-Xllvm",
  "-enable-misched=false",
]

func kernels(_ name: String, _ flags: [String], _ defines: [String] = []) -> Target {
  .target(
    name: name, dependencies: ["AttendKernelInterface", "AttendBase", "CInstructions"],
    swiftSettings: swift + [.unsafeFlags(kernelFlags + flags.flatMap { ["-Xcc", $0] })] + defines.map { .define($0) })
}

/// The tests of a room, in a folder of its name.
func tests(of room: String, with others: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(room)Tests", dependencies: ["AttendTestSupport", .byName(name: room)] + others + ["AttendBase"],
    swiftSettings: swift)
}

/// Static Swift runtime, `attend_*` exported and nothing else, never unloaded. For packages that are downloaded: equal
/// functions are one, similar ones stand side by side, which compresses better, and the names of all characters (half a
/// megabyte of Swift's own library, see `AttendLibrary`) are left out.
let linking: [LinkerSetting] = [
  .unsafeFlags([
    "-static-stdlib", "-use-ld=lld", "-Xlinker",
    "--version-script=\(Context.packageDirectory)/Sources/AttendLibrary/exports.map", "-Xlinker",
    "-soname=libattend.so.0", "-Xlinker", "-z", "-Xlinker", "nodelete", "-Xlinker", "--gc-sections", "-Xlinker",
    "--icf=all", "-Xlinker", "--bp-compression-sort=function", "-Xlinker", "--wrap=_swift_stdlib_getScalarName",
  ])
]

let package = Package(
  name: "attend",
  products: [
    .library(name: "attend", type: .dynamic, targets: ["AttendLibrary"]),
    // For programs in Swift, which link what stands behind the header themselves, with the one runtime that they have.
    .library(name: "Attend", targets: ["Attend"]),
  ],
  targets: [
    // The door of Swift, which stands on the header as every other.
    .target(name: "Attend", dependencies: ["CAttend", "AttendC"], swiftSettings: swift),
    // The door.
    .systemLibrary(name: "CAttend"),
    .target(name: "AttendLibrary", dependencies: ["AttendC"], exclude: ["exports.map"], linkerSettings: linking),
    .target(
      name: "AttendC",
      dependencies: [
        "CAttend", "AttendFunctions", "AttendGeneration", "AttendDecoding", "AttendGrammars", "AttendModels",
        "AttendLayers",
        "AttendTokenizers", "AttendPictures", "AttendSounds", "AttendCheckpoints", "AttendDispatch",
        "AttendKernelInterface", "AttendBase",
      ], swiftSettings: swift),
    // The rooms.
    .target(
      name: "AttendFunctions", dependencies: ["AttendLayers", "AttendDispatch", "AttendKernelInterface", "AttendBase"],
      swiftSettings: swift),
    .target(
      name: "AttendGeneration",
      dependencies: [
        "AttendDecoding", "AttendGrammars", "AttendModels", "AttendLayers", "AttendTokenizers", "AttendSounds",
        "AttendCheckpoints", "AttendDispatch", "AttendKernelInterface", "AttendBase",
      ], swiftSettings: swift),
    .target(
      name: "AttendDecoding",
      dependencies: ["AttendGrammars", "AttendDispatch", "AttendKernelInterface", "AttendBase"], swiftSettings: swift),
    .target(name: "AttendGrammars", dependencies: ["AttendCheckpoints", "AttendBase"], swiftSettings: swift),
    .target(
      name: "AttendModels",
      dependencies: [
        "AttendLayers", "AttendTokenizers", "AttendPictures", "AttendSounds", "AttendCheckpoints", "AttendDispatch",
        "AttendKernelInterface", "AttendBase",
      ], swiftSettings: swift),
    .target(
      name: "AttendLayers", dependencies: ["AttendDispatch", "AttendKernelInterface", "AttendBase"],
      swiftSettings: swift),
    .target(name: "AttendTokenizers", dependencies: ["AttendCheckpoints", "AttendBase"], swiftSettings: swift),
    .target(
      name: "AttendPictures", dependencies: ["AttendCheckpoints", "CPictures", "CInstructions", "AttendBase"],
      swiftSettings: swift),
    .target(name: "AttendSounds", dependencies: ["AttendCheckpoints", "AttendBase"], swiftSettings: swift),
    .target(name: "AttendCheckpoints", dependencies: ["AttendBase"], swiftSettings: swift),
    // The arithmetic.
    .target(
      name: "AttendDispatch",
      dependencies: [
        "AttendKernels", "AttendKernelsAVX2", "AttendKernelsAVX512", "AttendKernelInterface", "CInstructions",
        "AttendBase",
      ], swiftSettings: swift),
    kernels("AttendKernels", []), kernels("AttendKernelsAVX2", ["-march=haswell"], ["ATTEND_FMA"]),
    kernels(
      "AttendKernelsAVX512", ["-march=skylake-avx512", "-mprefer-vector-width=512"], ["ATTEND_FMA", "ATTEND_AVX512"]),
    .target(name: "AttendKernelInterface", dependencies: ["AttendBase"], swiftSettings: swift),
    // The ground.
    .systemLibrary(name: "CInstructions"), .target(name: "CPictures"),
    .target(name: "AttendBase", dependencies: ["CInstructions"], swiftSettings: swift),
    // The limits of the machine, and how near the kernels come.
    .target(name: "BenchmarkLimits", path: "benchmarks/limits"),
    .executableTarget(
      name: "attend-bench",
      dependencies: [
        "AttendLayers", "AttendDecoding", "AttendDispatch", "AttendKernelInterface", "AttendBase", "CInstructions",
        "BenchmarkLimits",
      ],
      path: "benchmarks/kernels", swiftSettings: swift),
    .executableTarget(
      name: "attend-bench-grammars",
      dependencies: ["AttendGrammars", "AttendTokenizers", "AttendCheckpoints", "AttendBase"],
      path: "benchmarks/grammars", exclude: ["compare.py", "vocabulary.py"], swiftSettings: swift),
    // The proofs.
    .target(
      name: "AttendTestSupport", dependencies: ["AttendCheckpoints", "AttendBase"], path: "Tests/Support",
      swiftSettings: swift),
    .target(name: "TileEmulator", path: "Tests/TileEmulator"),
    tests(
      of: "AttendGeneration",
      with: [
        "AttendDecoding", "AttendModels", "AttendLayers", "AttendTokenizers", "AttendCheckpoints", "AttendDispatch",
        "AttendKernelInterface",
      ]),
    tests(of: "AttendGrammars", with: ["AttendTokenizers", "AttendCheckpoints"]),
    tests(
      of: "AttendDecoding", with: ["AttendGrammars", "AttendCheckpoints", "AttendDispatch", "AttendKernelInterface"]),
    tests(of: "AttendModels", with: ["AttendLayers", "AttendCheckpoints", "AttendKernelInterface"]),
    tests(of: "AttendLayers", with: ["AttendDispatch", "AttendKernelInterface"]),
    tests(of: "AttendTokenizers", with: ["AttendCheckpoints"]),
    tests(of: "AttendPictures", with: ["AttendCheckpoints"]), tests(of: "AttendSounds", with: ["AttendCheckpoints"]),
    tests(of: "AttendCheckpoints", with: []),
    .testTarget(
      name: "AttendKernelsTests",
      dependencies: ["AttendTestSupport", "TileEmulator", "AttendDispatch", "AttendKernelInterface", "AttendBase"],
      swiftSettings: swift),
  ])
