//! Which module names which: dependencies run one way, in the order of declaration.

use super::code::{Source, identifier, words};

/// A file that declares others: where these are, and how the rest of the crate names them.
struct Parent<'a> {
    source: &'a Source,
    folder: String,
    path: String,
}

/// Which modules are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Those that `src/lib.rs` declares.
    Top,
    /// Those that other files declare.
    Inner,
}

/// Every use of a module by a sibling that is declared above it.
pub(super) fn uses_of_those_below(sources: &[Source], level: Level) -> Vec<String> {
    let mut complaints = Vec::new();
    let is_top = |parent: &Parent<'_>| parent.source.path == "src/lib.rs";
    for parent in parents(sources) {
        if is_top(&parent) != (level == Level::Top) {
            continue;
        }
        let order = declared(parent.source);
        for source in sources {
            let Some(own) = order.iter().position(|child| belongs(&parent, child, source)) else {
                continue;
            };
            let mut used = names_behind(&source.code, &parent.path);
            let child = format!("{}{}", parent.folder, order[own]);
            if source.path == format!("{child}.rs") || source.path == format!("{child}/mod.rs") {
                used.extend(names_behind(&source.code, "super"));
            }
            for name in used {
                if order.iter().position(|it| *it == name) > Some(own) {
                    let (path, own) = (&source.path, order[own]);
                    complaints.push(format!("{path}: {own} uses {name}, declared below it"));
                }
            }
        }
    }
    complaints
}

/// Files that no other declares, so that they are not compiled.
pub(super) fn undeclared_files(sources: &[Source]) -> Vec<String> {
    let parents = parents(sources);
    let is_root = |path: &str| path.ends_with("/main.rs") || path == "src/lib.rs";
    let is_declared = |source: &Source| {
        parents.iter().any(|parent| {
            declared(parent.source).iter().any(|child| {
                let child = format!("{}{child}", parent.folder);
                source.path == format!("{child}.rs") || source.path == format!("{child}/mod.rs")
            })
        })
    };
    let undeclared = sources.iter().filter(|it| !is_root(&it.path) && !is_declared(it));
    undeclared.map(|it| format!("{}: no module of this name is declared", it.path)).collect()
}

fn parents<'a>(sources: &'a [Source]) -> Vec<Parent<'a>> {
    let parent = |source: &'a Source| {
        let stem = source.path.strip_suffix(".rs").expect("a Rust file");
        let root = ["lib", "main", "mod"].iter().find_map(|it| stem.strip_suffix(it));
        let folder = root.map_or_else(|| format!("{stem}/"), str::to_string);
        let inside = folder.split_once('/').map_or("", |(_, inside)| inside);
        let path = format!("crate/{inside}").trim_end_matches('/').replace('/', "::");
        Parent { source, folder, path }
    };
    sources.iter().map(parent).collect()
}

/// The modules this file declares, those of tests too, in their order.
fn declared(source: &Source) -> Vec<&str> {
    let declaration = |line| {
        let (_, behind) = str::split_once(line, "mod ")?;
        behind.trim_end().strip_suffix(';')
    };
    let code = |line: &&str| !line.trim_start().starts_with("//");
    source.text.lines().filter(code).filter_map(declaration).collect()
}

fn belongs(parent: &Parent<'_>, child: &str, source: &Source) -> bool {
    let child = format!("{}{child}", parent.folder);
    source.path == format!("{child}.rs") || source.path.starts_with(&format!("{child}/"))
}

/// What is named directly behind `path::`, alone or as one of a group.
fn names_behind<'a>(code: &'a str, path: &str) -> Vec<&'a str> {
    let path = format!("{path}::");
    let mut names = Vec::new();
    for at in words(code, &path).into_iter().filter(|at| !code[..*at].ends_with("::")) {
        let behind = &code[at + path.len()..];
        match behind.strip_prefix('{') {
            Some(group) => names.extend(heads(group)),
            None => names.push(identifier(behind)),
        }
    }
    names
}

/// The first word of each member of a group that ends with the brace that closes it.
fn heads(group: &str) -> Vec<&str> {
    let mut heads = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                heads.push(identifier(group[start..at].trim_start()));
                break;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                heads.push(identifier(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn names_are_found_alone_and_in_groups() {
    let code = "use crate::a::B; crate::c(); use crate::{\n d::{self, e}, f,\n}; mycrate::g";
    assert_eq!(names_behind(code, "crate"), ["a", "c", "d", "f", ""]);
    assert_eq!(names_behind("super::super::x super::y", "super"), ["super", "y"]);
}
