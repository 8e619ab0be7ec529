//! What `src/lib.rs` promises of the source, held to it: what may use what, which words stay in
//! which file, and that everything fits on a screen.

mod code;
mod modules;

use code::{Source, sources};
use modules::Level;
use std::process::Command;

const LINE_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 60;
const FILE_LINES_MAX: usize = 500;

/// Words that only one place may say, so that a boundary cannot be crossed by accident.
const CONFINED: [(&str, &str); 7] = [
    ("mio::", "src/reactor/"),
    ("use mio", "src/reactor/"),
    ("socket2::", "src/reactor/"),
    ("Instant::now", "src/reactor/"),
    ("SystemTime::now", "src/reactor/"),
    ("Slab", "src/slab.rs"),
    ("process::exit", "src/main.rs"),
];

/// Words that nothing in `src` says.
const BANNED: [&str; 8] =
    ["Rc<", "Rc::", "RefCell", "dyn ", "thread_local!", "static mut", "unsafe", "allow("];

fn everywhere() -> Vec<Source> {
    ["src", "tests", "tools"].into_iter().flat_map(sources).collect()
}

/// Fails with all complaints at once, a line each.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn modules_use_only_those_declared_above_them() {
    assert_none(&modules::uses_of_those_below(&sources("src"), Level::Top));
}

/// The same within each folder, so that these have a leaf and a root too.
#[test]
fn parts_of_a_module_use_only_those_declared_above_them() {
    assert_none(&modules::uses_of_those_below(&sources("src"), Level::Inner));
}

#[test]
fn every_file_is_declared_by_its_parent() {
    let undeclared = |root| modules::undeclared_files(&sources(root));
    assert_none(&["src", "tests/it"].map(undeclared).concat());
}

#[test]
fn confined_words_stay_where_they_belong() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        for (word, home) in CONFINED {
            if !source.path.starts_with(home) {
                let strayed = source.lines_with(word).into_iter();
                let at = |line| format!("{}:{line}: {word} belongs in {home}", source.path);
                complaints.extend(strayed.map(at));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn banned_words_are_not_said() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        for word in BANNED {
            let said = source.lines_with(word).into_iter();
            complaints.extend(said.map(|line| format!("{}:{line}: {word}", source.path)));
        }
    }
    assert_none(&complaints);
}

/// The core carries sockets and cannot touch them, because nothing is known of their type.
#[test]
fn the_core_puts_no_bound_on_the_socket() {
    let mut complaints = Vec::new();
    for source in sources("src").iter().filter(|it| it.path.starts_with("src/proxy")) {
        for bound in ["S:", "S :"] {
            let bounds = source.lines_with(bound).into_iter();
            complaints.extend(bounds.map(|line| format!("{}:{line}: {bound}", source.path)));
        }
    }
    assert_none(&complaints);
}

#[test]
fn lines_fit_and_end_where_they_end() {
    let mut complaints = Vec::new();
    for source in everywhere() {
        for (at, line) in source.text.lines().enumerate() {
            let place = format!("{}:{}", source.path, at + 1);
            if line.chars().count() > LINE_MAX {
                complaints.push(format!("{place}: over {LINE_MAX} characters"));
            }
            if line != line.trim_end() || line.contains('\t') {
                complaints.push(format!("{place}: a tab, or space at the end"));
            }
        }
        if !source.text.ends_with('\n') || source.text.ends_with("\n\n") {
            complaints.push(format!("{}: does not end with one line end", source.path));
        }
    }
    assert_none(&complaints);
}

#[test]
fn functions_fit_on_a_screen() {
    let mut complaints = Vec::new();
    for source in everywhere() {
        for (name, lines) in source.functions() {
            if lines.len() > FUNCTION_LINES_MAX {
                complaints.push(format!(
                    "{}:{}: {name} has {} lines, at most {FUNCTION_LINES_MAX} are allowed",
                    source.path,
                    lines.start,
                    lines.len(),
                ));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn files_stay_short() {
    let lines = |source: &Source| source.text.lines().count();
    let long = everywhere().into_iter().filter(|it| lines(it) > FILE_LINES_MAX);
    let complaints: Vec<_> = long.map(|it| format!("{}: {} lines", it.path, lines(&it))).collect();
    assert_none(&complaints);
}

/// What is in the binary is for everybody to see.
#[test]
fn the_readme_prints_the_tree_of_the_binary() {
    let words = "tree --locked -e normal -p nodeproxy --charset ascii --format {lib}";
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo).args(words.split(' ')).output().expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("text");
    let block: String = tree.lines().map(|line| format!("    {line}\n")).collect();
    let readme = std::fs::read_to_string("README.md").expect("README.md");
    assert!(readme.contains(&block), "README.md should have this block:\n{block}");
}
