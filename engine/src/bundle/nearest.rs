//! What somebody probably meant: the known name that is the fewest keystrokes away.

/// The nearest of some names, if it is near enough to be a slip.
pub(crate) fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let most = (wrong.chars().count() / 3).clamp(1, 3);
    let near = names.into_iter().filter(|name| *name != wrong).map(|name| (steps(wrong, name), name));
    near.filter(|(steps, _)| *steps <= most).min().map(|(_, name)| name)
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour.
fn steps(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) =
        (one.to_lowercase().chars().collect(), other.to_lowercase().chars().collect());
    let width = other.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (n, letter) in one.iter().enumerate() {
        let mut row = vec![n + 1; width];
        for (m, wanted) in other.iter().enumerate() {
            let at = |row: &[usize], m: usize| row.get(m).copied().unwrap_or(usize::MAX / 2);
            let mut least =
                (at(&last, m) + usize::from(letter != wanted)).min(at(&last, m + 1) + 1).min(at(&row, m) + 1);
            let swapped = n > 0 && m > 0 && one.get(n - 1) == Some(wanted) && other.get(m - 1) == Some(letter);
            if swapped {
                least = least.min(at(&before, m - 1) + 1);
            }
            if let Some(cell) = row.get_mut(m + 1) {
                *cell = least;
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_and_not_another_word() {
        assert_eq!(nearest("pricnipal", ["principal", "probe", "context"]), Some("principal"));
        assert_eq!(nearest("expct", ["expect", "context"]), Some("expect"));
        assert_eq!(nearest("moon", ["name", "command"]), None);
        assert_eq!(nearest("Name", ["name"]), Some("name"));
        assert_eq!(nearest("", ["name"]), None);
    }
}
