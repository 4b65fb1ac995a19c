//! Builds a plugin: `cargo run -p transfuse-package --example build -- SOURCE LIBRARY TARGET [ready|debian]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::error::Error;
use std::path::Path;

use transfuse_package::{BuildSettings, Toolchain, build};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (source, library, target, toolchain) = match arguments.as_slice() {
        [source, library, target] => (source, library, target, None),
        [source, library, target, kind] if kind == "ready" => {
            (source, library, target, Some(Toolchain::ready(Path::new(source))?))
        }
        [source, library, target, kind] if kind == "debian" => {
            (source, library, target, Some(Toolchain::debian(Path::new(source))?))
        }
        _ => {
            return Err(
                "name the crate's folder, the library's, the compiler's own, and a toolchain if it matters".into(),
            );
        }
    };
    let settings = BuildSettings {
        source_folder: source.into(),
        library_folder: library.into(),
        target_folder: target.into(),
        toolchain,
    };
    let built = build(&settings, &mut |line| eprintln!("{line}"))?;
    println!("{built:#?}");
    Ok(())
}
