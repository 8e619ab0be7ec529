//! stand-in
/// x
pub struct Placement(pub usize);
impl Placement {
    /// x
    pub fn place(&self, key: &[u8]) -> usize {
        use std::hash::Hasher;
        let mut h = fnv::FnvHasher::default();
        h.write(key);
        (h.finish() % self.0 as u64) as usize
    }
}
