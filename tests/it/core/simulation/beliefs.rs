//! What a client knows of its keys, from what it asked and was told.

use super::question::{Value, piece_text};
use std::collections::{HashMap, HashSet};

/// The number of no value: the key is missing.
pub(super) const MISSING: u64 = 0;

/// What a client knows. The keys are its own, so nobody else changes them.
#[derive(Default)]
pub(super) struct Beliefs {
    /// Keys move from backend to backend, so that old values come back.
    keys_move: bool,
    /// A miss may be a failure.
    misses_lie: bool,
    values: HashMap<String, Known>,
    lists: HashMap<String, List>,
    counts: HashMap<String, Count>,
}

/// What a key may hold, by the numbers of the values.
struct Known {
    /// Once everything that was answered has been done.
    value: u64,
    /// What may still be written at any time: nobody knows what became of it.
    floating: Vec<u64>,
    /// All that was ever written.
    ever: HashSet<u64>,
}

/// The pieces of a list.
#[derive(Default)]
struct List {
    sure: HashSet<u64>,
    floating: HashSet<u64>,
}

#[derive(Default)]
struct Count {
    /// None when it is missing.
    number: Option<u64>,
    /// Nobody knows what became of something that was asked.
    unsure: bool,
}

impl Beliefs {
    pub(super) fn new(keys_move: bool, misses_lie: bool) -> Self {
        Self { keys_move, misses_lie, ..Self::default() }
    }

    /// A value was written, or, when it is `MISSING`, was removed.
    pub(super) fn holds(&mut self, key: &str, serial: u64) {
        let known = self.known(key);
        known.value = serial;
        known.ever.insert(serial);
    }

    /// Nobody knows whether it was, or will be.
    pub(super) fn floats(&mut self, key: &str, serial: u64) {
        let known = self.known(key);
        known.floating.push(serial);
        known.ever.insert(serial);
    }

    pub(super) fn check_missing(&mut self, key: &str) {
        if !self.misses_lie {
            self.check(key, MISSING);
        }
    }

    pub(super) fn check_value(&mut self, key: &str, text: &str) {
        self.check(key, Value::read(key, text));
    }

    fn check(&mut self, key: &str, found: u64) {
        let keys_move = self.keys_move;
        let known = self.known(key);
        let Known { value, floating, ever } = known;
        let may_be_old = keys_move && (found == MISSING || ever.contains(&found));
        assert!(
            *value == found || floating.contains(&found) || may_be_old,
            "{key} holds {found}, but may only hold {value} or {floating:?}"
        );
    }

    fn known(&mut self, key: &str) -> &mut Known {
        let new = || Known { value: MISSING, floating: Vec::new(), ever: HashSet::new() };
        self.values.entry(key.into()).or_insert_with(new)
    }

    /// A piece was added to a list.
    pub(super) fn has_piece(&mut self, key: &str, piece: u64) {
        self.lists.entry(key.into()).or_default().sure.insert(piece);
    }

    pub(super) fn piece_floats(&mut self, key: &str, piece: u64) {
        self.lists.entry(key.into()).or_default().floating.insert(piece);
    }

    /// There was no list to be added to, or, when `is_there`, there was one already.
    pub(super) fn check_list_exists(&mut self, key: &str, is_there: bool) {
        let list = self.lists.entry(key.into()).or_default();
        let may_be = !list.sure.is_empty() || !list.floating.is_empty();
        let must_be = !list.sure.is_empty() && !self.keys_move;
        assert!(if is_there { may_be } else { !must_be }, "{key} is there: {is_there}");
    }

    /// The pieces of a list, in any order, each once.
    pub(super) fn check_list(&mut self, key: &str, text: &str) {
        let List { sure, floating } = self.lists.entry(key.into()).or_default();
        let mut missing = sure.clone();
        let mut seen = HashSet::new();
        for piece in text.split_inclusive(']') {
            let number =
                piece.rsplit_once('s').and_then(|(_, it)| it.strip_suffix(']')?.parse().ok());
            let number = number.unwrap_or_else(|| panic!("{key} holds {text:?}"));
            assert_eq!(piece, piece_text(key, number), "{key} holds {text:?}");
            assert!(seen.insert(number), "twice in {key}: {piece}");
            let known = missing.remove(&number) || floating.contains(&number);
            assert!(known, "{key} holds {piece}, which was not written");
        }
        assert!(missing.is_empty() || self.keys_move, "{key} has lost {missing:?}");
    }

    pub(super) fn check_no_list(&mut self, key: &str) {
        if !self.misses_lie {
            self.check_list_exists(key, false);
        }
    }

    /// A count was begun.
    pub(super) fn begins(&mut self, key: &str, from: u64) {
        let count = self.counts.entry(key.into()).or_default();
        let may_be = count.number.is_none() || count.unsure || self.keys_move;
        assert!(may_be, "{key} was begun again");
        count.number = Some(from);
    }

    pub(super) fn check_begun(&mut self, key: &str) {
        let count = self.counts.entry(key.into()).or_default();
        assert!(count.number.is_some() || count.unsure || self.keys_move, "{key} was not begun");
    }

    /// It was counted on.
    pub(super) fn counts(&mut self, key: &str, by: u64, found: Option<u64>) {
        let count = self.counts.entry(key.into()).or_default();
        if !count.unsure && !self.keys_move {
            assert_eq!(found, count.number.map(|it| it + by), "{key} by {by}");
            count.number = found;
        }
    }

    pub(super) fn count_floats(&mut self, key: &str) {
        self.counts.entry(key.into()).or_default().unsure = true;
    }
}
