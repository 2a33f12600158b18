//! Sorting, compiled once for all kinds of lists: each further copy of the algorithm would cost every user kilobytes.
//!
//! Decides no order by itself; the caller compares.

use std::cmp::Ordering;

/// `items` in the order of `compare`; equal ones stay in the order they came in.
pub fn sorted<T>(items: Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    let places = places(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    places.into_iter().filter_map(|place| items.get_mut(place)?.take()).collect()
}

/// `texts` sorted, each once.
pub fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut texts = sorted(texts, &|a, b| a.cmp(b));
    texts.dedup();
    texts
}

/// The places `0..count` in the order of what lies there.
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_unstable_by(|a, b| compare(*a, *b).then(a.cmp(b)));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_keep_their_order() {
        let items = (0..200).map(|n| (n % 3, n)).collect();
        let sorted = sorted(items, &|a: &(i32, i32), b| a.0.cmp(&b.0));
        let mut expected: Vec<_> = (0..200).map(|n| (n % 3, n)).collect();
        expected.sort_by_key(|item| item.0);
        assert_eq!(sorted, expected);
    }

    #[test]
    fn distinct_texts_are_sorted_and_come_once() {
        let texts = ["b", "a", "b"].map(str::to_owned).to_vec();
        assert_eq!(distinct(texts), ["a", "b"]);
    }
}
