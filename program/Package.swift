// swift-tools-version: 6.1
// The program `attend`. It is a package of its own because it is a user of the library like any other: it sees the C
// header and libattend.so, none of the rooms, and what it depends on the library does not.
import PackageDescription

let swift: [SwiftSetting] = [.enableUpcomingFeature("MemberImportVisibility")]

/// The Swift runtime within, so that the program runs where no Swift is; the library beside it, or in the folder of
/// libraries beside its own. Two archives of Foundation's essentials name no others that they need.
let linking: [LinkerSetting] = [
  .linkedLibrary("attend"), .linkedLibrary("_FoundationCollections"), .linkedLibrary("_FoundationCShims"),
  .unsafeFlags([
    "-static-stdlib", "-use-ld=lld", "-L", "\(Context.packageDirectory)/../.build/release", "-Xlinker", "--gc-sections",
    "-Xlinker", "-rpath=$ORIGIN:$ORIGIN/../lib:$ORIGIN/../lib64",
  ]),
]

let package = Package(
  name: "attend-program",
  products: [.executable(name: "attend", targets: ["attend"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
  ],
  targets: [
    .systemLibrary(name: "CAttend"),
    .executableTarget(
      name: "attend",
      dependencies: [
        "CAttend", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ],
      swiftSettings: swift, linkerSettings: linking),
  ])
