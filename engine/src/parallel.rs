//! The same work for many things, shared out among threads; results come back in the order of the things.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Told how many of how many are done.
pub(crate) type Progress<'p> = &'p (dyn Fn(usize, usize) + Sync);

/// Does `work` for each item, with at most `threads` at once. One thread needs none of its own.
pub(crate) fn each<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    progress: Progress<'_>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let toil = || {
        let mut mine = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(n) else { break };
            mine.push((n, work(item)));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, items.len());
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
    };
    if threads <= 1 || items.len() <= 1 {
        toil();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads.min(items.len()) {
                scope.spawn(toil);
            }
        });
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_items() {
        let items: Vec<usize> = (0..100).collect();
        let last = AtomicUsize::new(0);
        for threads in [1, 4] {
            let doubled = each(
                threads,
                &items,
                &|done, of| {
                    assert!(done <= of);
                    last.fetch_max(done, Ordering::Relaxed);
                },
                |n| n * 2,
            );
            assert_eq!(doubled, items.iter().map(|n| n * 2).collect::<Vec<_>>());
            assert_eq!(last.load(Ordering::Relaxed), 100);
        }
        assert!(each(3, &[] as &[usize], &|_, _| {}, |n| *n).is_empty());
    }
}
