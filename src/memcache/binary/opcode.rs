//! The opcodes, and what they ask for.

/// What is asked for, quietly or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the protocol's own words")]
pub enum Verb {
    Get,
    GetKey,
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    Delete,
    Increment,
    Decrement,
    Touch,
    GetAndTouch,
    GetKeyAndTouch,
    Flush,
    Noop,
    Version,
    Stat,
    Verbosity,
    Quit,
    SaslMechanisms,
    /// The beginning of an authentication, or a step of one.
    SaslAuth,
    Unknown,
}

/// The second byte of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opcode(pub u8);

impl Opcode {
    /// What it asks for.
    #[inline]
    pub const fn verb(self) -> Verb {
        use Verb as V;
        match self.0 {
            0x00 | 0x09 => V::Get,
            0x0c | 0x0d => V::GetKey,
            0x01 | 0x11 => V::Set,
            0x02 | 0x12 => V::Add,
            0x03 | 0x13 => V::Replace,
            0x04 | 0x14 => V::Delete,
            0x05 | 0x15 => V::Increment,
            0x06 | 0x16 => V::Decrement,
            0x07 | 0x17 => V::Quit,
            0x08 | 0x18 => V::Flush,
            0x0a => V::Noop,
            0x0b => V::Version,
            0x0e | 0x19 => V::Append,
            0x0f | 0x1a => V::Prepend,
            0x10 => V::Stat,
            0x1b => V::Verbosity,
            0x1c => V::Touch,
            0x1d | 0x1e => V::GetAndTouch,
            0x23 | 0x24 => V::GetKeyAndTouch,
            0x20 => V::SaslMechanisms,
            0x21 | 0x22 => V::SaslAuth,
            _ => V::Unknown,
        }
    }

    /// Whether the client wants to be told only what it does not expect: of retrievals the hits, of
    /// everything else what went wrong.
    #[inline]
    pub const fn is_quiet(self) -> bool {
        matches!(self.0, 0x09 | 0x0d | 0x11..=0x1a | 0x1e | 0x24)
    }

    /// Whether the answer repeats the key.
    #[inline]
    pub const fn repeats_key(self) -> bool {
        matches!(self.verb(), Verb::GetKey | Verb::GetKeyAndTouch)
    }
}

/// What the answer to a frame has to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// The opcode.
    pub opcode: Opcode,
    /// A number of the client's.
    pub opaque: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quiet_opcode_asks_for_what_one_that_is_not_asks_for() {
        let all = || (0..=u8::MAX).map(Opcode);
        for quiet in all().filter(|it| it.is_quiet()) {
            let aloud = all().filter(|it| it.verb() == quiet.verb() && !it.is_quiet());
            assert_eq!(aloud.count(), 1, "{quiet:?}");
        }
        assert_eq!(all().filter(|it| it.is_quiet()).count(), 14);
        assert_eq!(all().filter(|it| it.verb() != Verb::Unknown).count(), 36);
    }
}
