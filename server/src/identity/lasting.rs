//! What goes on for long: whoever was let in has to be let in still, by their credential, their roles and the rules of now.
//! Never: asks the policies for every event. They are asked anew when people or rules have changed.

use std::marker::PhantomData;
use std::sync::Arc;

use legator_engine::{Bundle, Resource};

use super::directory::Directory;
use super::{Act, Caller, Identity};

/// Somebody's leave to go on with something, asked for again and again.
pub struct Lasting<A> {
    identity: Identity,
    caller: Caller,
    resource: Resource,
    /// The people and the rules that the newest answer was given by, and the answer.
    asked: Option<(Arc<Directory>, Arc<Bundle>, bool)>,
    act: PhantomData<fn() -> A>,
}

impl<A: Act> Lasting<A> {
    pub fn new(identity: &Identity, caller: &Caller, resource: Resource) -> Self {
        Self { identity: identity.clone(), caller: caller.clone(), resource, asked: None, act: PhantomData }
    }

    /// Whether they may go on.
    pub fn holds(&mut self) -> bool {
        if !self.identity.still(&self.caller) {
            return false;
        }
        let (people, rules) = (self.identity.0.directory.load_full(), self.identity.bundle());
        if let Some((then_people, then_rules, may)) = &self.asked
            && Arc::ptr_eq(then_people, &people)
            && Arc::ptr_eq(then_rules, &rules)
        {
            return *may;
        }
        let now = self.identity.as_of_now(&self.caller);
        let may = now.is_some_and(|now| self.identity.may::<A>(&now, self.resource.clone()));
        self.asked = Some((people, rules, may));
        may
    }
}
