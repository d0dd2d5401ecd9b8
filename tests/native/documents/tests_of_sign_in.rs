//! The tests that docs/login-security.md names are there.

use std::fs;
use std::path::Path;

/// All that is written in the tests below `folder`.
fn code_below(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_ours = |name: &str| name != "node_modules" && !name.starts_with('.');
        if path.is_dir() && path.file_name().unwrap().to_str().is_some_and(is_ours) {
            code_below(&path, all);
        } else if path
            .extension()
            .is_some_and(|end| end == "rs" || end == "py")
        {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_of_a_sign_in_that_the_page_names_is_there() {
    let page = fs::read_to_string("docs/login-security.md").unwrap();
    let section = page.split("### Tests of it").nth(1).expect("the section");
    let rows = section.split("\n## ").next().unwrap().lines();
    let rows = rows.filter(|line| line.starts_with("| ")).skip(1);
    let mut code = String::new();
    for folder in ["tests", "src", "cli"] {
        code_below(Path::new(folder), &mut code);
    }
    let mut count = 0;
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            let is_there = [format!("fn {name}("), format!("def {name}(")];
            let is_there = is_there.iter().any(|start| code.contains(start));
            assert!(is_there, "{name}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
