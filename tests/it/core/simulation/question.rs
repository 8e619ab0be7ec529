//! What a client asks, and how it says it.

use super::plan::{LARGE, VALUE_BYTES_MAX};
use crate::harness::random::Random;
use std::sync::OnceLock;

/// A value could not be kept until its turn came.
pub(super) const NO_ROOM: &str = "SERVER_ERROR out of memory writing get response";

/// The expiries that clients ask for, seconds; the gutter's own is none of them.
pub(super) const TTLS: [u32; 3] = [0, 30, 1000];

/// A question.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Get(Vec<String>),
    Set {
        key: String,
        value: Value,
        meta: Manner,
    },
    MetaGet {
        key: String,
        meta: Manner,
    },
    Delete {
        key: String,
        meta: Manner,
    },
    Touch(String),
    TooLarge(String),
    /// Starts counting from this number.
    Begin {
        key: String,
        from: u64,
    },
    /// Counts; the numbers of a client are all different.
    Count {
        key: String,
        by: u64,
        meta: Manner,
    },
    /// Adds a piece to a key's list of them, at its front or end, or as its first.
    Extend {
        key: String,
        piece: u64,
        how: How,
    },
    Fence,
    Verbosity,
    Version,
    Stats,
    Nonsense,
}

/// In which of the two protocols, and whether an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Classic,
    Meta,
    /// Meta; a fence behind it tells whether it was answered.
    Quiet,
}

/// How a list grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Append,
    Prepend,
    Add,
    MetaAppend,
    MetaPrepend,
    /// It begins the list when there is none.
    MetaEither,
}

/// A value: which one it is, and how long its filling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) serial: u64,
    pub(super) fill: usize,
}

impl Value {
    pub(super) fn text(self, key: &str) -> String {
        let Self { serial, fill } = self;
        format!("{key}s{serial}+{fill}:{}", &filling()[..fill])
    }

    /// The serial number of a whole value of `key`.
    pub(super) fn read(key: &str, text: &str) -> u64 {
        let serial = || {
            let (serial, rest) = text.strip_prefix(key)?.strip_prefix('s')?.split_once('+')?;
            let (fill, rest) = rest.split_once(':')?;
            let fill: usize = fill.parse().ok()?;
            let whole = rest == filling().get(..fill)?;
            whole.then_some(serial)?.parse().ok()
        };
        serial().unwrap_or_else(|| panic!("{key} holds {:?}", &text[..text.len().min(40)]))
    }
}

/// What values are filled with: no two places near each other look alike.
fn filling() -> &'static str {
    static FILLING: OnceLock<String> = OnceLock::new();
    FILLING.get_or_init(|| "abcdefghijklmnopqrstuvw".repeat(LARGE))
}

/// A piece of a list.
pub(super) fn piece_text(key: &str, piece: u64) -> String {
    format!("[{key}s{piece}]")
}

impl Question {
    pub(super) fn manner(&self) -> Manner {
        match self {
            Self::Set { meta, .. }
            | Self::MetaGet { meta, .. }
            | Self::Delete { meta, .. }
            | Self::Count { meta, .. } => *meta,
            Self::Extend { how: How::MetaAppend | How::MetaPrepend | How::MetaEither, .. } => {
                Manner::Meta
            }
            Self::Get(_)
            | Self::Touch(_)
            | Self::TooLarge(_)
            | Self::Begin { .. }
            | Self::Extend { .. }
            | Self::Fence
            | Self::Verbosity
            | Self::Version
            | Self::Stats
            | Self::Nonsense => Manner::Classic,
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.manner() == Manner::Quiet
    }

    /// The bytes that ask it. A meta command carries `opaque`, which its answer has to repeat.
    pub(super) fn text(&self, opaque: u64, rng: &mut Random) -> String {
        let ttl = TTLS[rng.below(TTLS.len())];
        let flags = self.flags(opaque, ttl, rng);
        match self {
            Self::Get(keys) if rng.one_in(3) => format!("gat {ttl} {}\r\n", keys.join("  ")),
            Self::Get(keys) => format!("get {}\r\n", keys.join(" ")),
            Self::Set { key, value, meta } => {
                let value = value.text(key);
                let bytes = value.len();
                match meta {
                    Manner::Classic => format!("set {key} 0 {ttl} {bytes}\r\n{value}\r\n"),
                    Manner::Meta | Manner::Quiet => {
                        format!("ms {key} {bytes}{flags}\r\n{value}\r\n")
                    }
                }
            }
            Self::MetaGet { key, .. } => format!("mg {key}{flags} v\r\n"),
            Self::Delete { key, meta: Manner::Classic } => format!("delete {key}\r\n"),
            Self::Delete { key, .. } => format!("md {key}{flags}\r\n"),
            Self::Touch(key) => format!("touch {key} {ttl}\r\n"),
            Self::TooLarge(key) => {
                let bytes = VALUE_BYTES_MAX + 1;
                format!("set {key} 0 0 {bytes}\r\n{}\r\n", "y".repeat(bytes))
            }
            Self::Begin { key, from } => {
                let from = from.to_string();
                format!("add {key} 0 {ttl} {}\r\n{from}\r\n", from.len())
            }
            Self::Count { key, by, meta: Manner::Classic } => format!("incr {key} {by}\r\n"),
            Self::Count { key, by, .. } => format!("ma {key} v D{by}{flags}\r\n"),
            Self::Extend { key, piece, how } => {
                how.text(key, &piece_text(key, *piece), ttl, &flags)
            }
            Self::Fence => "mn\r\n".into(),
            Self::Verbosity => "verbosity 1\r\n".into(),
            Self::Version => "version\r\n".into(),
            Self::Stats => "stats backends\r\n".into(),
            Self::Nonsense => "set short\r\n".into(),
        }
    }

    /// What nothing else that is asked holds.
    pub(super) fn mark(&self, opaque: u64) -> Option<String> {
        match self {
            Self::Set { key, value, .. } => Some(format!("\n{key}s{}+", value.serial)),
            Self::MetaGet { key, .. } => Some(format!("mg {key} O{opaque} ")),
            Self::Count { key, by, meta: Manner::Classic } => Some(format!("incr {key} {by}\r")),
            Self::Count { key, by, .. } => Some(format!("ma {key} v D{by} ")),
            Self::Extend { key, piece, .. } => Some(piece_text(key, *piece)),
            Self::Get(_)
            | Self::Begin { .. }
            | Self::Delete { .. }
            | Self::Touch(_)
            | Self::TooLarge(_)
            | Self::Fence
            | Self::Verbosity
            | Self::Version
            | Self::Stats
            | Self::Nonsense => None,
        }
    }

    /// The flags of a meta command, in some order.
    fn flags(&self, opaque: u64, ttl: u32, rng: &mut Random) -> String {
        let mut flags = vec![format!("O{opaque}")];
        if matches!(self, Self::Set { .. } | Self::Extend { .. } | Self::MetaGet { .. })
            && rng.one_in(2)
        {
            flags.push(format!("T{ttl}"));
        }
        if self.is_quiet() {
            flags.insert(rng.below(flags.len() + 1), "q".into());
        }
        flags.iter().map(|flag| format!(" {flag}")).collect()
    }
}

impl How {
    fn text(self, key: &str, piece: &str, ttl: u32, flags: &str) -> String {
        let bytes = piece.len();
        let classic = |verb| format!("{verb} {key} 0 {ttl} {bytes}\r\n{piece}\r\n");
        let meta = |mode| format!("ms {key} {bytes} {mode}{flags}\r\n{piece}\r\n");
        match self {
            Self::Append => classic("append"),
            Self::Prepend => classic("prepend"),
            Self::Add => classic("add"),
            Self::MetaAppend => meta("MA"),
            Self::MetaPrepend => meta("MP"),
            Self::MetaEither => meta("MA N30"),
        }
    }
}
