//! The rules of `bundle lint`: what each finds, why it matters, and what to do about it.

use crate::bundle::Grade;
use crate::bundle::codes::Code;

const fn rule(name: &'static str, meaning: &'static str, mend: &'static str) -> Code {
    Code { name, grade: Grade::Warning, meaning, mend }
}

/// Every rule, by name.
pub const RULES: &[Code] = &[
    rule(
        "always-false",
        "A condition that never holds: the policy is dead, or an `unless` lifts nothing.",
        "Take it out, or compare with what was meant.",
    ),
    rule(
        "always-true",
        "A condition that always holds says nothing, or an `unless` lifts its policy for everybody.",
        "Take it out, or compare with what was meant.",
    ),
    rule(
        "approvals-above-most",
        "A policy asks for more approvals than are ever tried (`approvals.most`), so what it holds is refused for ever.",
        "Ask for fewer people, or raise `approvals.most`.",
    ),
    rule(
        "bare-destroy-permit",
        "A `permit` lets somebody destroy without any condition, and no `forbid` stands over everybody's destroying.",
        "Add a condition, or a guardrail such as `forbid (principal, action == Action::\"destroy\", resource) unless { context.approvals.count >= 2 };`.",
    ),
    rule(
        "breakglass-alone",
        "Breaking the glass lifts a policy, and nothing else is asked of who breaks it.",
        "Ask for `context.mfa` or a role beside it.",
    ),
    rule(
        "case-name-twice",
        "Two cases of a file have one name, and a report could mean either.",
        "Give one another name.",
    ),
    rule(
        "command-any-option",
        "A program of your own is `observe` with any option, also one that writes or runs something.",
        "List its options, and set `options = \"closed\"`.",
    ),
    rule("command-without-cases", "A command table has no cases beside it.", "Write `x.cases.toml` beside `x.toml`."),
    rule("duplicate-policy", "Two policies say the same.", "Take one out."),
    rule(
        "duplicate-rationale",
        "Two policies give one reason, and who is refused cannot tell which it was.",
        "Say in each what is its own.",
    ),
    rule(
        "id-shape",
        "An `@id` is not in words with `-` between them, as they are typed and searched for.",
        "Lower-case letters, digits and `-`.",
    ),
    rule(
        "line-pattern",
        "A `like` on the text of a command is passed by another spelling of the same command.",
        "Ask for `context.command.programs`, `effects` or `targets`, which are read from the command.",
    ),
    rule(
        "manifest-name",
        "The manifest has no `name`, or no range of engines.",
        "Add `name = \"…\"` and `engine = \">=0.1\"`.",
    ),
    rule(
        "permit-everything",
        "A `permit` for everybody, every action and everything, without a condition: nothing is decided any more.",
        "Name a role, an action or a resource.",
    ),
    rule(
        "policy-without-case",
        "No case expects this policy to decide, so nobody would notice if it stopped.",
        "Write a case whose `expect.policies` names it.",
    ),
    rule(
        "role-nobody-has",
        "A policy names a role that no case has and `[names] roles` does not list: perhaps a slip.",
        "Write a case with it, or list it.",
    ),
    rule("script-without-cases", "A script has no cases beside it.", "Write `x.cases.toml` beside `x.rhai`."),
    rule(
        "shadowed-policy",
        "Another policy without conditions says the same about more, so this one changes nothing.",
        "Take it out, or narrow the other.",
    ),
    rule(
        "short-rationale",
        "A rationale of one or two words tells a refused person nothing.",
        "Write a sentence: what, and why.",
    ),
    rule(
        "tag-nobody-has",
        "A policy names a tag that no case's probe has and `[names] tags` does not list: perhaps a slip.",
        "Write a case with it, or list it.",
    ),
    rule(
        "unknown-rule",
        "`[lint]`, `@lint_allow` or `lint_allow:` names a rule that does not exist, and so allows nothing.",
        "Write the rule that was meant.",
    ),
    rule(
        "unreachable-permit",
        "A `forbid` without conditions covers all that this `permit` allows.",
        "Take it out, or give the `forbid` a condition.",
    ),
    rule(
        "unscoped-policy",
        "A policy names no principal, no action and no resource, so it is evaluated for every request: no index helps.",
        "Name an action, a type (`principal is Agent`) or an entity (`resource in Tag::\"prod\"`).",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_there_once_and_in_order() {
        assert!(RULES.is_sorted_by(|one, next| one.name < next.name));
        assert!(RULES.iter().all(|rule| crate::bundle::codes::code(rule.name).is_none()));
    }
}
