//! Clients whose strings are not bytes hash their characters, so the key is decoded first. A byte
//! that is not UTF-8 counts as U+FFFD, as such clients read it.

use std::str::Utf8Chunk;

/// The key's UTF-16 units: what Java and JavaScript take for characters.
pub(crate) fn units(key: &[u8]) -> impl Iterator<Item = u32> {
    key.utf8_chunks()
        .flat_map(|chunk| chunk.valid().encode_utf16().map(u32::from).chain(replacement(&chunk)))
}

/// The key's code points: what Python takes for characters.
pub(crate) fn code_points(key: &[u8]) -> impl Iterator<Item = u32> {
    key.utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().map(u32::from).chain(replacement(&chunk)))
}

/// The key's bytes as numbers, for a client whose characters are unsigned.
pub(crate) fn unsigned(key: &[u8]) -> impl Iterator<Item = u32> {
    key.iter().map(|byte| u32::from(*byte))
}

/// The key's bytes as C sees them where `char` is signed, as on x86: from 0x80 on they fill the
/// upper 24 bits with ones.
pub(crate) fn signed(key: &[u8]) -> impl Iterator<Item = u32> {
    key.iter().map(|byte| *byte as i8 as u32)
}

/// `String.hashCode` of Java, with its sign bit as the highest.
pub(crate) fn java_string(key: &[u8]) -> u32 {
    fold_units(key, 0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit))
}

/// The original nodeproxy's hash, in the doubles of JavaScript. It means to wrap like an integer,
/// but brings back only what grew too large: once below zero it runs away, for a long key to minus
/// infinity.
pub(crate) fn original(key: &[u8]) -> f64 {
    fold_units(key, 0.0, |hash: f64, unit| {
        let mut hash = hash * 31.0 + f64::from(unit);
        while hash > 2_147_483_647.0 {
            hash -= 4_294_967_296.0;
        }
        hash
    })
}

/// Decoding costs more than hashing, and keys are mostly ASCII, whose units are its bytes.
fn fold_units<T>(key: &[u8], start: T, step: impl FnMut(T, u32) -> T) -> T {
    if key.is_ascii() { unsigned(key).fold(start, step) } else { units(key).fold(start, step) }
}

fn replacement(chunk: &Utf8Chunk<'_>) -> Option<u32> {
    (!chunk.invalid().is_empty()).then_some(u32::from(char::REPLACEMENT_CHARACTER))
}
