//! Keys to work on.

/// So many that a branch predictor does not know them by heart.
const COUNT: usize = 1024;

/// Keys in turn, as long as most are in practice.
pub(crate) struct Keys {
    all: Vec<String>,
    next: usize,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let key = |at: usize| format!("user:{}:profile", at * 7_919);
        Self { all: (0..COUNT).map(key).collect(), next: 0 }
    }

    pub(crate) fn next(&mut self) -> &str {
        self.next = (self.next + 1) % COUNT;
        &self.all[self.next]
    }
}
