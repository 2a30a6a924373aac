//! How people decide: how long a vote takes, and how many were cast without reading.

use std::collections::BTreeMap;

use super::vote::HASTY_MS;
use super::{ApprovalFault, Approvals, store};
use crate::tenant::Reach;

/// One vote, as far as it counts here.
#[derive(Clone, Debug)]
pub struct Cast {
    pub person: String,
    pub name: String,
    pub approved: bool,
    pub withdrawn: bool,
    /// From the asking to the vote.
    pub after_ms: i64,
    /// From the voter's first look to the vote; `None` if they never looked.
    pub looked_ms: Option<i64>,
}

/// Figures of some votes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub votes: usize,
    pub approvals: usize,
    pub denials: usize,
    pub withdrawn: usize,
    /// Time from the asking to the vote: half of the votes, and nine in ten, took no longer.
    pub p50_ms: Option<i64>,
    pub p90_ms: Option<i64>,
    /// Votes less than 3 s after the voter's first look.
    pub hasty: usize,
    /// Votes of somebody who never looked at the request.
    pub unseen: usize,
}

/// The figures of one voter.
#[derive(Clone, Debug)]
pub struct VoterFigures {
    pub person: String,
    pub name: String,
    pub figures: Figures,
}

impl Figures {
    /// The share of votes that were cast in under 3 s or without a look, in percent.
    pub fn hasty_pct(&self) -> f64 {
        if self.votes == 0 { 0.0 } else { (self.hasty + self.unseen) as f64 * 100.0 / self.votes as f64 }
    }

    fn of<'c>(cast: impl Iterator<Item = &'c Cast>) -> Self {
        let mut figures = Self::default();
        let mut times = Vec::new();
        for vote in cast {
            figures.votes += 1;
            figures.approvals += usize::from(vote.approved);
            figures.denials += usize::from(!vote.approved);
            figures.withdrawn += usize::from(vote.withdrawn);
            figures.hasty += usize::from(vote.looked_ms.is_some_and(|looked| looked < HASTY_MS));
            figures.unseen += usize::from(vote.looked_ms.is_none());
            times.push(vote.after_ms);
        }
        times.sort_unstable();
        (figures.p50_ms, figures.p90_ms) = (rank(&times, 50), rank(&times, 90));
        figures
    }
}

/// The nearest rank.
fn rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied()
}

impl Approvals {
    /// Figures of every vote since then, and of each voter, who voted most first.
    pub async fn figures(&self, reach: &Reach, since: i64) -> Result<(Figures, Vec<VoterFigures>), ApprovalFault> {
        let cast = store::votes::cast_since(&self.0.db, reach, since).await?;
        let mut by_person: BTreeMap<&str, Vec<&Cast>> = BTreeMap::new();
        for vote in &cast {
            by_person.entry(&vote.person).or_default().push(vote);
        }
        let mut voters: Vec<VoterFigures> = by_person
            .into_iter()
            .map(|(person, votes)| VoterFigures {
                person: person.to_owned(),
                name: votes.last().map(|vote| vote.name.clone()).unwrap_or_default(),
                figures: Figures::of(votes.into_iter()),
            })
            .collect();
        voters.sort_by(|one, other| other.figures.votes.cmp(&one.figures.votes).then(one.name.cmp(&other.name)));
        Ok((Figures::of(cast.iter()), voters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(after_ms: i64, looked_ms: Option<i64>) -> Cast {
        let (person, name) = ("usr_1".to_owned(), "ben".to_owned());
        Cast { person, name, approved: true, withdrawn: false, after_ms, looked_ms }
    }

    #[test]
    fn the_nearest_rank_is_a_time_that_was_taken() {
        let votes: Vec<Cast> = (1..=10).map(|n| cast(n * 1_000, Some(n * 1_000))).collect();
        let figures = Figures::of(votes.iter());
        assert_eq!((figures.p50_ms, figures.p90_ms), (Some(5_000), Some(9_000)));
        assert_eq!((figures.hasty, figures.unseen, figures.hasty_pct()), (2, 0, 20.0));
    }

    #[test]
    fn who_never_looked_is_counted_and_nothing_is_made_up_of_no_votes() {
        assert_eq!(Figures::of([].iter()), Figures::default());
        assert_eq!(Figures::default().hasty_pct(), 0.0);
        let figures = Figures::of([cast(7, None)].iter());
        assert_eq!((figures.unseen, figures.hasty, figures.p50_ms, figures.hasty_pct()), (1, 0, Some(7), 100.0));
    }
}
