//! How many people are missing: the request asked again with approvals that do not exist yet.

use std::collections::BTreeSet;

use super::{Guard, Judgement, Question};
use crate::facts::{Approvals, Context, Principal};

/// What would release a held request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) count: u32,
    /// Groups that the approvers have to cover together.
    pub(crate) groups: BTreeSet<String>,
    /// People who have to be among them.
    pub(crate) people: BTreeSet<String>,
    /// The policies that an approval flips.
    pub(crate) flipped: Vec<u32>,
}

/// The smallest number of further approvals, of any group, that makes the answer a permit; at most `most`.
pub(crate) fn missing(
    guard: &Guard,
    question: &Question,
    asker: &Principal,
    context: &Context,
    now: &Judgement,
    most: u32,
) -> Option<Missing> {
    if !guard.could_turn(question, now, |reads| reads.context.contains("approvals")) {
        return None;
    }
    let (groups, mut people) = guard.named_approvers(now);
    // Nobody approves what they asked for.
    people.retain(|id| *id != asker.id && Some(id) != asker.acts_for.as_ref() && !context.approvals.by.contains(id));
    let groups: BTreeSet<String> = groups.difference(&context.approvals.groups).cloned().collect();
    (1..=most).find_map(|count| {
        let trial = Trial { guard, question, context, now, count };
        let (groups, people) = trial.smallest(&groups, &people)?;
        let after = trial.judge(&groups, &people);
        let gone = now.forbids.iter().copied().filter(|n| !after.forbids.contains(n));
        let come = after.permits.iter().copied().filter(|n| !now.permits.contains(n));
        Some(Missing { count, groups, people, flipped: gone.chain(come).collect() })
    })
}

struct Trial<'t> {
    guard: &'t Guard,
    question: &'t Question,
    context: &'t Context,
    now: &'t Judgement,
    count: u32,
}

type Names = BTreeSet<String>;

impl Trial<'_> {
    /// The fewest groups and people that suffice: nobody in particular, one group, one person, or what is left of all
    /// after each that is not needed was taken out.
    fn smallest(&self, groups: &Names, people: &Names) -> Option<(Names, Names)> {
        let none = Names::new();
        let one = |name: &String| Names::from([name.clone()]);
        if self.passes(&none, &none) {
            return Some((none.clone(), none));
        }
        if let Some(group) = groups.iter().find(|group| self.passes(&one(group), &none)) {
            return Some((one(group), none));
        }
        if let Some(person) = people.iter().find(|person| self.passes(&none, &one(person))) {
            return Some((none, one(person)));
        }
        let (mut groups, mut people) =
            (groups.clone(), people.iter().take(self.count as usize).cloned().collect::<Names>());
        if !self.passes(&groups, &people) {
            people.clear();
        }
        if !self.passes(&groups, &people) {
            return None;
        }
        for name in people.clone() {
            people.remove(&name);
            if !self.passes(&groups, &people) {
                people.insert(name);
            }
        }
        for name in groups.clone() {
            groups.remove(&name);
            if !self.passes(&groups, &people) {
                groups.insert(name);
            }
        }
        Some((groups, people))
    }

    fn passes(&self, groups: &Names, people: &Names) -> bool {
        self.judge(groups, people).permitted()
    }

    fn judge(&self, groups: &Names, people: &Names) -> Judgement {
        let mut approvals: Approvals = self.context.approvals.clone();
        approvals.groups.extend(groups.iter().cloned());
        approvals.by.extend(people.iter().take(self.count as usize).cloned());
        let anyone = (self.count as usize).saturating_sub(people.len());
        // No id of a person has a space in it, so these are nobody.
        approvals.by.extend((1..=anyone).map(|n| format!("any person {n}")));
        // Whoever comes may sign.
        let come = approvals.by.difference(&self.context.approvals.by).cloned().collect::<Names>();
        approvals.signed.extend(come);
        let context = Context { approvals, ..self.context.clone() };
        self.guard.judge_again(self.now, self.question, &context)
    }
}
