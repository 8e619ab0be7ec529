//! A slab whose keys cannot be confused: each is stamped with a generation, so that a key kept
//! after its slot was freed finds nothing, even once the slot is used again; and each kind of
//! connection has an id type of its own, so that a client's id does not compile where a link's
//! is due.

use ::slab::Slab;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// The map: values of type `T`, found by an id of their own type.
pub struct SlotMap<Id, T> {
    slots: Slab<(NonZeroU32, T)>,
    next_generation: NonZeroU32,
    ids: PhantomData<fn() -> Id>,
}

/// Where a value is, and which of all the values that were ever there it is. A generation is never
/// zero, so that an `Option` of a key is no larger than the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey {
    index: u32,
    generation: NonZeroU32,
}

/// Declares an id type: a [`SlotKey`] that names one kind of value only.
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::slab::SlotKey);

        impl From<$crate::slab::SlotKey> for $name {
            fn from(key: $crate::slab::SlotKey) -> Self {
                Self(key)
            }
        }

        impl From<$name> for $crate::slab::SlotKey {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

impl<Id: From<SlotKey> + Into<SlotKey> + Copy, T> SlotMap<Id, T> {
    /// An empty map.
    pub fn new() -> Self {
        Self { slots: Slab::new(), next_generation: NonZeroU32::MIN, ids: PhantomData }
    }

    /// Adds a value and names it.
    pub fn insert(&mut self, value: T) -> Id {
        let generation = self.next_generation;
        self.next_generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let index = self.slots.insert((generation, value)) as u32;
        assert!(index < 1 << 30, "an index shares its half of a token with the kind of source");
        SlotKey { index, generation }.into()
    }

    /// The value, unless it was removed.
    #[inline]
    pub fn get(&self, id: Id) -> Option<&T> {
        let SlotKey { index, generation } = id.into();
        let (stamp, value) = self.slots.get(index as usize)?;
        (*stamp == generation).then_some(value)
    }

    /// The value, unless it was removed.
    #[inline]
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let SlotKey { index, generation } = id.into();
        let (stamp, value) = self.slots.get_mut(index as usize)?;
        (*stamp == generation).then_some(value)
    }

    /// Takes the value out.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        self.get(id)?;
        let value = self.slots.remove(id.into().index as usize).1;
        if self.slots.is_empty() {
            self.slots.shrink_to_fit();
        }
        Some(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All values with their ids, by the slot that each is in.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slots.iter().map(|(index, (generation, value))| {
            (SlotKey { index: index as u32, generation: *generation }.into(), value)
        })
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(|(_, (_, value))| value)
    }

    /// The ids of all values, by the slot that each is in.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        self.slots.iter().map(|(index, (generation, _))| {
            SlotKey { index: index as u32, generation: *generation }.into()
        })
    }
}

/// For what is only removed together with all that names it.
impl<Id: From<SlotKey> + Into<SlotKey> + Copy, T> Index<Id> for SlotMap<Id, T> {
    type Output = T;

    #[inline]
    fn index(&self, id: Id) -> &T {
        let SlotKey { index, generation } = id.into();
        let (stamp, value) = &self.slots[index as usize];
        assert!(*stamp == generation, "whoever names it goes with it");
        value
    }
}

impl<Id: From<SlotKey> + Into<SlotKey> + Copy, T> IndexMut<Id> for SlotMap<Id, T> {
    #[inline]
    fn index_mut(&mut self, id: Id) -> &mut T {
        let SlotKey { index, generation } = id.into();
        let (stamp, value) = &mut self.slots[index as usize];
        assert!(*stamp == generation, "whoever names it goes with it");
        value
    }
}

impl<Id: From<SlotKey> + Into<SlotKey> + Copy, T> Default for SlotMap<Id, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl SlotKey {
    /// The key as one word with its two lowest bits free, to travel in an epoll event.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation.get()) << 32 | u64::from(self.index) << 2
    }

    /// The key that `to_bits` packed, whatever the two lowest bits are.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let generation = NonZeroU32::new((bits >> 32) as u32)?;
        Some(Self { index: (bits as u32) >> 2, generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outlives_its_value_but_finds_nothing() {
        let mut slots = SlotMap::<SlotKey, _>::new();
        let keep = slots.insert("keep");
        let old = slots.insert("old");
        slots.remove(old);
        let new = slots.insert("new");
        assert_eq!(old.index, new.index, "the slab reuses the slot at once");
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.get(new), Some(&"new"));
        assert_eq!(slots.remove(old), None);
        assert_eq!(slots.len(), 2);
        assert_eq!(slots.ids().collect::<Vec<_>>(), [keep, new]);
        assert_eq!(SlotKey::from_bits(new.to_bits() | 3), Some(new));
    }
}
