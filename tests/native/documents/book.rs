//! The book: every page is in its contents, and every link to a file leads to one. `make book` checks anchors too.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_page_is_in_the_contents_of_the_book() {
    let contents = fs::read_to_string(root().join("mkdocs.yml")).unwrap();
    let missing: Vec<_> = pages(&root().join("docs"))
        .into_iter()
        .map(|page| {
            let name = page.strip_prefix(root().join("docs")).unwrap();
            name.to_string_lossy().into_owned()
        })
        .filter(|name| !contents.contains(&format!(": {name}\n")))
        .collect();
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "add them to `nav` in mkdocs.yml"
    );
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let mut dead = Vec::new();
    let mut read = pages(&root().join("docs"));
    read.extend(
        [
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "CHANGELOG.md",
        ]
        .map(|name| root().join(name)),
    );
    for page in read {
        let text = fs::read_to_string(&page).unwrap();
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap();
            if target.is_empty() || target.contains(':') {
                continue;
            }
            // In the book a folder's page is its README; one without has none.
            let found = page.parent().unwrap().join(target);
            if !found.is_file() && !found.join("README.md").is_file() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}
