//! The floors of the engine: a room uses the rooms below it, none above it and none beside it.

use super::source::sources;
use std::fs;
use std::path::Path;

/// The rooms of each floor, the ground first. docs/architecture.md shows them from above.
const FLOORS: [&[&str]; 9] = [
    &["bytes"],
    &["denial", "http", "json", "secret"],
    &["cors", "credential", "network", "ollama", "time"],
    &["grant", "session", "source"],
    &["identity", "token_endpoint"],
    &["authn", "policy"],
    &["login", "upstream"],
    &["exchange"],
    &["config"],
];

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine");

/// Every file of the source, by its path in there.
fn files() -> Vec<String> {
    let folder = Path::new(SOURCE);
    let files = sources(folder).into_iter();
    let path = |file: std::path::PathBuf| {
        let path = file.strip_prefix(folder).unwrap();
        path.to_str().unwrap().to_owned()
    };
    files.map(path).collect()
}

/// The number of the floor of `room`, the ground being 0.
fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The room that the file at `path`, below the folder of the sources, is in.
fn room(path: &str) -> &str {
    let first = path.split('/').next().unwrap();
    let name = first.strip_suffix(".rs").unwrap_or(first);
    name.strip_suffix("_tests").unwrap_or(name)
}

/// The rooms that `code`, at `path`, names: behind `crate::`, or behind as many `super::` as lead out
/// of its own.
fn named(path: &str, code: &str) -> Vec<String> {
    let lines = code.lines();
    let code: Vec<_> = lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    // How many modules a line stands in: in `http/head.rs` two, and in the tests of it three.
    let (folder, tests) = (path.ends_with("/mod.rs"), path.ends_with("_tests.rs"));
    let depth = path.split('/').count() + usize::from(tests) - usize::from(folder);
    let (own, inner) = code.split_once("mod tests {").unwrap_or((&code, ""));
    let mut rooms = behind("crate::", &code);
    rooms.extend(behind(&"super::".repeat(depth), own));
    rooms.extend(behind(&"super::".repeat(depth + 1), inner));
    rooms
}

/// The names in `code` that stand right behind `way`.
fn behind(way: &str, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (place, _) in code.match_indices(way) {
        let before = &code[..place];
        if !before.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
            names.extend(heads(&code[place + way.len()..]));
        }
    }
    names
}

/// The first names of the paths that begin at the beginning of `text`: one, or those in braces.
fn heads(text: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let of_name = |letter: &char| letter.is_alphanumeric() || *letter == '_';
        text.trim_start().chars().take_while(of_name).collect()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![name(text)];
    };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            other => {
                depth += i32::from(other == '{') - i32::from(other == '}');
                parts.last_mut().unwrap().push(other);
            }
        }
    }
    parts.iter().map(|part| name(part)).collect()
}

/// What leads from `code`, at `path`, to a room that is not below its own.
fn wrong_arrows(path: &str, code: &str) -> Vec<String> {
    let from = room(path);
    let Some(own) = floor(from) else {
        // The front page names every room.
        return Vec::new();
    };
    let mut arrows = Vec::new();
    for to in named(path, code) {
        if let Some(other) = floor(&to).filter(|other| to != from && *other >= own) {
            let arrow = format!("{path}: {from} (floor {own}) uses {to} (floor {other})");
            if !arrows.contains(&arrow) {
                arrows.push(arrow);
            }
        }
    }
    arrows
}

#[test]
fn no_room_uses_one_above_it_or_beside_it() {
    let mut arrows = Vec::new();
    for path in files() {
        let code = fs::read_to_string(Path::new(SOURCE).join(&path)).unwrap();
        arrows.extend(wrong_arrows(&path, &code));
    }
    let shown = arrows.join("\n");
    assert!(
        arrows.is_empty(),
        "move what both rooms need to a floor below them, or pass it as an argument:\n{shown}"
    );
}

#[test]
fn every_room_is_on_one_floor() {
    let files = files();
    let mut rooms: Vec<_> = files.iter().map(|path| room(path)).collect();
    rooms.retain(|room| *room != "lib");
    rooms.sort_unstable();
    rooms.dedup();
    let mut known: Vec<_> = FLOORS.iter().copied().flatten().copied().collect();
    known.sort_unstable();
    assert_eq!(
        rooms, known,
        "the rooms in src/engine/, and those in FLOORS"
    );
}

#[test]
fn an_arrow_is_seen_in_whatever_way_it_is_written() {
    for code in [
        "use crate::policy::Permit;",
        "pub(crate) use crate::policy;",
        "use crate::{denial::Denial, policy::{self, Permit}};",
        "fn f(permit: crate::policy::Permit) {}",
        "    let permit = crate::policy::public();",
        "use super::super::super::policy::Permit;",
    ] {
        assert_eq!(
            wrong_arrows("authn/jwt/keys.rs", code),
            ["authn/jwt/keys.rs: authn (floor 5) uses policy (floor 5)"],
            "{code}"
        );
    }
    for code in [
        "use crate::denial::Denial;",
        "use crate::authn::cache::Cache;",
        "/// See [`crate::policy::Permit`].",
        "use super::super::policy::Permit;",
        "use my_crate::policy::Permit;",
    ] {
        let none: [String; 0] = [];
        assert_eq!(wrong_arrows("authn/jwt/keys.rs", code), none, "{code}");
    }
    let upward = wrong_arrows("source/mod.rs", "use super::exchange::Engine;");
    assert_eq!(
        upward,
        ["source/mod.rs: source (floor 3) uses exchange (floor 7)"]
    );
    for (path, code) in [
        ("cors.rs", "mod tests { use super::super::config; }"),
        ("cors_tests.rs", "use super::super::config;"),
    ] {
        let upward = wrong_arrows(path, code);
        let arrow = format!("{path}: cors (floor 2) uses config (floor 8)");
        assert_eq!(upward, [arrow], "{path:?}");
        let own = code.replacen("super::super", "super", 1);
        assert_eq!(wrong_arrows(path, &own), Vec::<String>::new(), "{own}");
    }
}
