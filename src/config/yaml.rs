//! YAML as a tree of texts, each with its place in the file. Of YAML it takes what a configuration
//! needs: one document of mappings, lists and values on one line. Nothing here recurses: the depth
//! is bounded while the file is read, before there is a tree.

use super::problems::{At, Problems, quoted};
use granit_parser::{ErrorKind, Event, Options, Parser, ScanError, Span};
use std::borrow::Cow;
use std::collections::HashMap;

/// Mappings and lists within each other, at most. A configuration needs four.
const DEPTH_MAX: usize = 16;

/// A value and its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// There is no value.
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that an error has been reported for.
    Refused,
}

/// A key and its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: At,
    pub(super) key: String,
    pub(super) node: Node,
}

/// A file.
#[derive(Debug)]
pub(super) struct Tree {
    /// None where there is nothing but comments.
    pub(super) root: Option<Node>,
    /// Whether it could be read to its end; if not, the tree ends at the syntax error.
    pub(super) whole: bool,
}

/// Reads a file. YAML that is not supported is reported, and left out of the tree.
pub(super) fn read(text: &str, problems: &mut Problems) -> Tree {
    let options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
        emit_unresolved_aliases: true,
        emit_comments: false,
    };
    let mut builder = Builder { open: Vec::new(), root: None, problems };
    let whole = builder.run(text, options);
    while !whole && !builder.open.is_empty() {
        builder.break_off();
    }
    Tree { root: builder.root, whole }
}

/// A mapping or list that has not ended.
struct Open {
    at: At,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The lines on which the keys are.
        lines: HashMap<String, usize>,
        key: Awaited,
    },
}

impl Kind {
    fn is_empty(&self) -> bool {
        match self {
            Self::List(nodes) => nodes.is_empty(),
            Self::Map { entries, .. } => entries.is_empty(),
        }
    }
}

/// What comes next in a mapping.
enum Awaited {
    Key,
    /// The value of this key.
    Value(At, String),
    /// The value of a key that an error has been reported for.
    Ignored,
}

struct Builder<'p> {
    open: Vec<Open>,
    root: Option<Node>,
    problems: &'p mut Problems,
}

impl Builder<'_> {
    /// Says whether the text was read to its end.
    fn run(&mut self, text: &str, options: Options) -> bool {
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(text, options) {
            match event {
                Ok((Event::DocumentStart(..), span)) => {
                    documents += 1;
                    if documents > 1 {
                        let wrong = "a second YAML document begins here; expected one in a file";
                        self.problems.error(at(&span), wrong);
                        return false;
                    }
                }
                Ok((event, span)) => self.take(event, &span),
                Err(error) => {
                    tell(&error, text, self.problems);
                    return false;
                }
            }
        }
        true
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser may gain events")]
    fn take(&mut self, event: Event<'_>, span: &Span) {
        let at = at(span);
        if event.tag().is_some() || event.anchor_id().is_some_and(|id| id != 0) {
            let what = if event.tag().is_some() { "a tag (!)" } else { "an anchor (&)" };
            self.problems.error(at, format!("{what} is not supported; expected a plain value"));
        }
        match event {
            Event::Scalar(text, ..) => {
                let value = self.scalar(text, span);
                self.add(Node { at, value });
            }
            Event::SequenceStart(..) => {
                self.open.push(Open { at, kind: Kind::List(Vec::new()) });
            }
            Event::MappingStart(..) => {
                let key = Awaited::Key;
                let kind = Kind::Map { entries: Vec::new(), lines: HashMap::new(), key };
                self.open.push(Open { at, kind });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let wrong = "an alias (*) is not supported; expected the value itself";
                self.problems.error(at, wrong);
                self.add(Node { at, value: Value::Refused });
            }
            _ => {}
        }
    }

    fn scalar(&mut self, text: Cow<'_, str>, span: &Span) -> Value {
        if text == "~" && span.is_empty() {
            return Value::Nothing;
        }
        if span.start.line() != span.end.line() {
            let wrong = format!(
                "{} spans several lines; expected a value on one line, and \"- \" or \
                 \"KEY: \" before each",
                quoted(text.trim_end())
            );
            self.problems.error(at(span), wrong);
            return Value::Refused;
        }
        Value::Text(text.into_owned())
    }

    /// Ends the innermost mapping or list.
    fn close(&mut self) {
        if let Some(Open { at, kind }) = self.open.pop() {
            let value = match kind {
                Kind::List(nodes) => Value::List(nodes),
                Kind::Map { entries, .. } => Value::Map(entries),
            };
            self.add(Node { at, value });
        }
    }

    /// Ends it at a syntax error. If it is empty, nothing may be reported as missing from it.
    fn break_off(&mut self) {
        match self.open.last() {
            Some(Open { at, kind }) if kind.is_empty() => {
                let refused = Node { at: *at, value: Value::Refused };
                self.open.pop();
                self.add(refused);
            }
            _ => self.close(),
        }
    }

    /// Puts a node where it belongs: into the innermost mapping or list.
    fn add(&mut self, node: Node) {
        let Some(Open { kind, .. }) = self.open.last_mut() else {
            self.root = (node.value != Value::Nothing).then_some(node);
            return;
        };
        let (entries, lines, awaited) = match kind {
            Kind::List(nodes) => return nodes.push(node),
            Kind::Map { entries, lines, key } => (entries, lines, key),
        };
        match std::mem::replace(awaited, Awaited::Key) {
            Awaited::Ignored => {}
            Awaited::Value(at, key) => entries.push(Entry { at, key, node }),
            Awaited::Key => *awaited = take_key(node, lines, self.problems),
        }
    }
}

fn take_key(node: Node, lines: &mut HashMap<String, usize>, problems: &mut Problems) -> Awaited {
    let at = node.at;
    let key = match node.value {
        Value::Text(key) => key,
        Value::Refused => return Awaited::Ignored,
        Value::Nothing | Value::List(_) | Value::Map(_) => {
            problems.error(at, "this is not a key; expected KEY: VALUE");
            return Awaited::Ignored;
        }
    };
    if let Some(line) = lines.get(&key) {
        let wrong = format!("{} is already on line {line}; expected it once", quoted(&key));
        problems.error(at, wrong);
        return Awaited::Ignored;
    }
    if let At::File { line, .. } = at {
        lines.insert(key.clone(), line);
    }
    Awaited::Value(at, key)
}

fn at(span: &Span) -> At {
    At::File { line: span.start.line(), column: span.start.col() + 1 }
}

/// Reports a syntax error.
fn tell(error: &ScanError, text: &str, problems: &mut Problems) {
    if is_about_tabs(error.kind()) {
        // The parser stops at the first; the operator has to replace them all.
        let tabs: Vec<_> = indented_by_tabs(text).collect();
        for at in &tabs {
            problems.error(*at, "a tab in the indentation; expected spaces");
        }
        if !tabs.is_empty() {
            return;
        }
    }
    let marker = error.marker();
    let at = At::File { line: marker.line(), column: marker.col() + 1 };
    problems.error(at, why(error.kind()));
}

fn is_about_tabs(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
    )
}

/// The first tab of each line that has one in its indentation.
fn indented_by_tabs(text: &str) -> impl Iterator<Item = At> {
    text.lines().zip(1..).filter_map(|(content, line)| {
        let indentation = content.len() - content.trim_start_matches([' ', '\t']).len();
        let tab = content[..indentation].find('\t')?;
        let is_blank = content[indentation..].is_empty() || content[indentation..].starts_with('#');
        (!is_blank).then_some(At::File { line, column: tab + 1 })
    })
}

/// What is wrong, and what is expected, in words for somebody who does not know YAML well.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest has a text of the parser's")]
fn why(kind: &ErrorKind) -> String {
    use ErrorKind as Kind;
    match kind {
        Kind::RecursionLimitExceeded => {
            format!("more than {DEPTH_MAX} levels of nesting; expected POOL: {{KEY: VALUE}}")
        }
        Kind::MappingValueNotAllowed => "\": \" is not allowed here; expected one KEY: VALUE on a \
             line, indented like the others, and quotes around a value with \": \""
            .into(),
        Kind::ExpectedBlockMappingKey | Kind::InvalidIndentation => {
            "this is not indented like the keys above it; expected KEY: VALUE in line with them"
                .into()
        }
        Kind::ExpectedBlockSequenceEntry => "this is not an item of the list above it; expected \
             \"- \" in line with the others, and quotes around a value that begins with [ or {"
            .into(),
        Kind::SimpleKeyExpected => "a key without a value; expected KEY: VALUE".into(),
        Kind::UnclosedQuotedScalar | Kind::InvalidQuotedScalarIndent => {
            "a quote is not closed; expected it closed on the same line".into()
        }
        Kind::InvalidTrailingSingleQuotedScalar | Kind::InvalidTrailingDoubleQuotedScalar => {
            "text after the closing quote; expected the end of the line".into()
        }
        Kind::UnclosedFlowCollection { open } => {
            format!("this {open:?} is not closed; expected its end, or quotes around the value")
        }
        Kind::UnexpectedCharacter { character } => {
            format!("a value cannot begin with {character:?}; expected quotes around it")
        }
        other => format!("this is not YAML: {other}; expected KEY: VALUE"),
    }
}
