//! The linker's way to libattend.so: the folder in ATTEND_LIB_DIR, which programs also look in when they start, or the
//! places that the linker knows.

fn main() {
    println!("cargo:rerun-if-env-changed=ATTEND_LIB_DIR");
    println!("cargo:rustc-link-lib=dylib=attend");
    if let Ok(folder) = std::env::var("ATTEND_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
