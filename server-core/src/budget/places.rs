//! How many of something each key holds at this moment; holding is a guard, so nothing is ever counted that has gone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shared counts. Their memory is bounded by what is held.
#[derive(Debug)]
pub(crate) struct Places<K>(Arc<Mutex<HashMap<K, u32>>>);

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One that is held, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash + Copy> {
    places: Arc<Mutex<HashMap<K, u32>>>,
    key: K,
}

impl<K: Eq + Hash + Copy> Places<K> {
    /// One more for `key`, if it holds less than `most`; 0 is no limit.
    pub(crate) fn take(&self, key: K, most: u32) -> Option<Place<K>> {
        let mut held = counts(&self.0);
        let count = held.entry(key).or_default();
        if most > 0 && *count >= most {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Place { places: Arc::clone(&self.0), key })
    }
}

impl<K: Eq + Hash + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = counts(&self.places).entry(self.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

fn counts<K>(places: &Mutex<HashMap<K, u32>>) -> MutexGuard<'_, HashMap<K, u32>> {
    places.lock().expect("nothing panics while it holds the counts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_up_to_the_limit_and_come_back() {
        let places = Places::default();
        let held = (0..3).map(|_| places.take("alice", 3).unwrap()).collect::<Vec<_>>();
        assert!(places.take("alice", 3).is_none());
        assert!(places.take("bob", 3).is_some());
        drop(held);
        assert!(places.take("alice", 3).is_some());
        assert!(counts(&places.0).is_empty(), "what nobody holds takes no memory");
    }
}
