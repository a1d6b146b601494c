// swift-tools-version: 6.1
// Somebody else's package: all that it knows of Attend is the product `Attend`. A package of one's own names it by its
// address, `.package(url: "https://...", branch: "main")`, where this one names the folder.
import PackageDescription

let package = Package(
  name: "attend-spell",
  dependencies: [.package(name: "attend", path: "../..")],
  targets: [
    .executableTarget(name: "spell", dependencies: [.product(name: "Attend", package: "attend")]),
    .testTarget(name: "AttendTests", dependencies: [.product(name: "Attend", package: "attend")]),
  ])
