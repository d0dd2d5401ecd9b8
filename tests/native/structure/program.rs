//! Every file of the native tests is part of the one program. What no `mod` names is never compiled,
//! and its tests would pass by not running.

use super::source::sources;
use std::fs;
use std::path::Path;

#[test]
fn no_file_of_tests_is_beside_the_program() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for entry in fs::read_dir(&tests).unwrap() {
        let path = entry.unwrap().path();
        assert!(
            path.extension().is_none_or(|end| end != "rs"),
            "{} is not compiled: move it into a folder of tests/native and name it in the mod.rs there",
            path.display()
        );
    }
}

#[test]
fn every_file_of_the_program_is_named_by_the_folder_it_is_in() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native");
    for path in sources(&program) {
        if path == program.join("main.rs") {
            continue;
        }
        // A folder is the module of its mod.rs.
        let module = match path.file_name().unwrap().to_str().unwrap() {
            "mod.rs" => path.parent().unwrap().to_path_buf(),
            _ => path.with_extension(""),
        };
        let folder = module.parent().unwrap();
        let root = if folder == program {
            program.join("main.rs")
        } else {
            folder.join("mod.rs")
        };
        let name = module.file_name().unwrap().to_str().unwrap();
        let declared = fs::read_to_string(&root).is_ok_and(|code| {
            let line = format!("mod {name};");
            ["", "pub ", "pub(crate) "]
                .iter()
                .any(|visible| code.lines().any(|code| code == format!("{visible}{line}")))
        });
        assert!(
            declared,
            "{} is not compiled: write `mod {name};` into {}",
            path.display(),
            root.display()
        );
    }
}
