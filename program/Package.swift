// swift-tools-version: 6.1
// The program `attend`. It is a package of its own because it is a user of the library like any other: it sees the C
// header and libattend.so, none of the rooms, and what it depends on the library does not.
import PackageDescription

/// For size: the time goes to the library and the terminal. Functions in sections of their own are dropped one by one.
let swift: [SwiftSetting] = [
  .enableUpcomingFeature("MemberImportVisibility"), .unsafeFlags(["-Osize", "-Xfrontend", "-function-sections"]),
]

/// The Swift runtime within, so that the program runs where no Swift is; CMake says where it looks for the library. Two
/// archives of Foundation's essentials name no others that they need. What else stands here makes the program smaller,
/// as it does the library (../Package.swift).
let linking: [LinkerSetting] = [
  .linkedLibrary("attend"), .linkedLibrary("_FoundationCollections"), .linkedLibrary("_FoundationCShims"),
  .unsafeFlags([
    "-static-stdlib", "-use-ld=lld", "-L", "\(Context.packageDirectory)/../.build/release", "-Xlinker", "--gc-sections",
    "-Xlinker", "--no-export-dynamic", "-Xlinker", "--icf=all", "-Xlinker", "--bp-compression-sort=function",
    "-Xlinker", "--wrap=_swift_stdlib_getScalarName", "-Xlinker", "--script=\(Context.packageDirectory)/frames.ld",
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
