//! What policies and scripts speak of: the roles, tags, words and numbers at which an answer can change.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{EntityReference, EntityUID, Expr, ExprKind, Literal, PrincipalOrResourceConstraint};

use crate::Bundle;
use crate::guard::Guard;
use crate::script::text::{Kind, tokens};

/// Names and numbers, by what they can be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Material {
    pub(super) actions: BTreeSet<String>,
    /// Of these, the ones that matter most; all matter the same if empty.
    pub(super) focus: BTreeSet<String>,
    pub(super) roles: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) tags: BTreeSet<String>,
    pub(super) sites: BTreeSet<String>,
    pub(super) tenants: BTreeSet<String>,
    /// Ids of principals.
    pub(super) ids: BTreeSet<String>,
    pub(super) texts: BTreeSet<String>,
    pub(super) numbers: BTreeSet<i64>,
    /// Numbers and words of admission scripts.
    pub(super) thresholds: BTreeSet<u32>,
    pub(super) words: BTreeSet<String>,
}

const MOST: usize = 64;

impl Material {
    /// Of a whole bundle.
    pub(crate) fn of(bundle: &Bundle) -> Self {
        let mut material = Self::default();
        for n in 0..bundle.policies().count() {
            material.take_policy(&bundle.guard, n);
        }
        for script in bundle.scripts() {
            material.take_script(&script.source);
        }
        material.actions = bundle.actions().map(str::to_owned).collect();
        material
    }

    /// Of one policy. The roles and the actions are those of the whole bundle: somebody has to be permitted, so that
    /// it shows what a policy forbids.
    pub(crate) fn of_policy(bundle: &Bundle, n: usize) -> Self {
        let all = Self::of(bundle);
        let guard = &bundle.guard;
        let focus = guard.guardrails().get(n).map(|policy| guard.actions_of(policy)).unwrap_or_default();
        let mut material = Self { actions: all.actions, focus, ..Self::default() };
        material.take_policy(&bundle.guard, n);
        material.roles.extend(all.roles);
        material.tags.extend(all.tags);
        material
    }

    /// Of one admission script. It is asked only about what somebody may do, so the roles are those of the bundle.
    pub(crate) fn of_script(bundle: &Bundle, source: &str) -> Self {
        let mut material = Self { roles: Self::of(bundle).roles, ..Self::default() };
        material.take_script(source);
        material.actions = ["observe", "remediate", "destroy"].map(str::to_owned).into();
        material
    }

    /// What both speak of.
    pub(crate) fn and(mut self, other: Self) -> Self {
        let Self { actions, focus, roles, groups, tags, sites, tenants, ids, texts, numbers, thresholds, words } =
            other;
        self.actions.extend(actions);
        self.focus.extend(focus);
        self.roles.extend(roles);
        self.groups.extend(groups);
        self.tags.extend(tags);
        self.sites.extend(sites);
        self.tenants.extend(tenants);
        self.ids.extend(ids);
        self.texts.extend(texts);
        self.numbers.extend(numbers);
        self.thresholds.extend(thresholds);
        self.words.extend(words);
        self
    }

    fn take_policy(&mut self, guard: &Guard, n: usize) {
        let Some((scope, condition)) = guard.parts(n) else { return };
        for constraint in scope {
            if let PrincipalOrResourceConstraint::In(EntityReference::EUID(uid))
            | PrincipalOrResourceConstraint::Eq(EntityReference::EUID(uid))
            | PrincipalOrResourceConstraint::IsIn(_, EntityReference::EUID(uid)) = &constraint
            {
                self.take_entity(uid);
            }
        }
        for part in condition.iter().flat_map(|expr: &&Expr| expr.subexpressions()) {
            match part.expr_kind() {
                ExprKind::Lit(Literal::String(text)) if self.texts.len() < MOST => {
                    self.texts.insert(text.to_string());
                    self.groups.insert(text.to_string());
                    self.tenants.insert(text.to_string());
                }
                ExprKind::Lit(Literal::Long(number)) if self.numbers.len() < MOST => {
                    self.numbers.insert(*number);
                }
                ExprKind::Lit(Literal::EntityUID(uid)) => self.take_entity(uid),
                ExprKind::Like { pattern, .. } => {
                    // What a star stands for can be nothing.
                    self.texts.insert(pattern.to_string().replace('*', ""));
                }
                _ => {}
            }
        }
    }

    fn take_entity(&mut self, uid: &EntityUID) {
        let id = AsRef::<str>::as_ref(uid.eid()).to_owned();
        match uid.entity_type().to_string().as_str() {
            "Role" => &mut self.roles,
            "Group" => &mut self.groups,
            "Tag" => &mut self.tags,
            "Site" => &mut self.sites,
            "Tenant" => &mut self.tenants,
            "User" | "Agent" | "Run" | "ServiceAccount" => &mut self.ids,
            _ => return,
        }
        .insert(id);
    }

    fn take_script(&mut self, source: &str) {
        for token in tokens(source) {
            let text = source.get(token.at).unwrap_or_default();
            match token.kind {
                Kind::Number if self.thresholds.len() < MOST => {
                    self.thresholds.extend(text.replace('_', "").parse::<u32>().ok());
                }
                Kind::Text if self.words.len() < MOST => {
                    let word = text.trim_matches('"');
                    if !word.contains(' ') && !word.is_empty() {
                        self.words.insert(word.to_owned());
                    }
                }
                _ => {}
            }
        }
    }
}
