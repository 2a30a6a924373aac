//! What `bundle check` can find, by code: stable names that a person looks up and a program switches on.

use super::Grade;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub grade: Grade,
    /// What it means, and why it matters.
    pub meaning: &'static str,
    /// What mends it.
    pub mend: &'static str,
}

const fn error(name: &'static str, meaning: &'static str, mend: &'static str) -> Code {
    Code { name, grade: Grade::Error, meaning, mend }
}

const fn warning(name: &'static str, meaning: &'static str, mend: &'static str) -> Code {
    Code { name, grade: Grade::Warning, meaning, mend }
}

/// Every code of `bundle check`, by name. `lint::RULES` has those of `bundle lint`.
pub const CODES: &[Code] = &[
    error("archive", "The archive is not one that `bundle build` makes.", "Build it again."),
    error(
        "archive-altered",
        "A file of the archive is not the one that its manifest names.",
        "Build it again from its source.",
    ),
    error(
        "archive-bomb",
        "The archive unpacks to more than a bundle may hold.",
        "Look at what it is; do not unpack it.",
    ),
    error(
        "archive-duplicate",
        "A path is in the archive twice, so two readers might see two files.",
        "Build it again.",
    ),
    error("archive-manifest", "The archive's list of files cannot be read.", "Build it again."),
    error("bundle", "Something else keeps the bundle from being taken.", "The message says what."),
    error(
        "case-action",
        "A case asks for an operation that the schema does not have.",
        "Name one of the schema's actions.",
    ),
    error("case-policy", "A case names a policy that the bundle does not have.", "Name it by its `@id`."),
    error("cases", "A case makes no sense.", "`policies/README.md` says what a case holds."),
    error(
        "cases-key",
        "A case has a key that nobody reads: what it says would not be tested.",
        "Write the key that was meant.",
    ),
    error("cases-syntax", "A file of cases is no TOML.", "Mend the place."),
    error(
        "cases-value",
        "A key of a case has a value of the wrong kind, or none.",
        "`policies/README.md` says what it takes.",
    ),
    error("command-duplicate", "A program is described twice in the command table.", "Keep one."),
    error("command-table", "A table of commands cannot be used.", "`policies/commands/README.md` has the format."),
    error("encoding", "A file is not UTF-8 text.", "Save it as UTF-8."),
    error(
        "engine-version",
        "The manifest says that the bundle is for other engines.",
        "Use one of that range, or widen it.",
    ),
    error(
        "links",
        "A template is applied to what it does not fit, or is not there.",
        "Apply it again, or take it back.",
    ),
    error("manifest", "The manifest makes no sense.", "The message says what."),
    error("manifest-key", "The manifest has a key that nobody reads.", "Write the key that was meant."),
    error("manifest-second", "There are two manifests, and nobody knows which counts.", "Keep one, at the root."),
    error("manifest-syntax", "The manifest is no TOML.", "Mend the place."),
    error(
        "manifest-value",
        "A value of the manifest is out of bounds or of the wrong kind.",
        "`policies/bundle.toml` shows every key with its default.",
    ),
    error(
        "name-unknown",
        "A policy or case names a role, group, tag, site, tenant or organization that `[names]` does not list.",
        "Write the one that was meant, or list it.",
    ),
    error("path-escape", "A path leads out of the bundle.", "Name files from the bundle's folder on."),
    error(
        "path-name",
        "A path does not mean the same file on every machine.",
        "Letters, digits and `-_.+@`, and no two that differ only in case.",
    ),
    error("policy", "A policy makes no sense.", "The message says what."),
    error(
        "policy-annotation",
        "An annotation that says how people are asked has a value that means nothing.",
        "The message says what it takes.",
    ),
    error("policy-duplicate", "Two policies have one name.", "Give one another `@id`."),
    error("policy-id", "A policy has no `@id`, and decisions could not name it.", "Write one above it."),
    error(
        "policy-impossible",
        "A policy can never apply: nothing is in its scope, or its conditions exclude each other.",
        "Widen its scope, or take it out.",
    ),
    error(
        "policy-rationale",
        "A policy has no `@rationale`, and who is refused would not hear why.",
        "Write one above it.",
    ),
    error(
        "policy-schema",
        "A policy speaks of what the schema does not know.",
        "`policies/README.md` lists what there is.",
    ),
    error("policy-syntax", "A policy cannot be read.", "Mend the place."),
    error("policy-template", "A policy has a slot (`?principal`), and nothing fills it.", "Write the entity itself."),
    error("schema", "The schema does not hold together.", "Take the one that ships, and add to it."),
    error(
        "schema-narrow",
        "The schema does not take what the engine supplies, so requests would fail.",
        "Take the one that ships, and add to it.",
    ),
    error("schema-syntax", "The schema cannot be read.", "Mend the place."),
    error("script", "A script makes no sense.", "The message says what."),
    error(
        "script-answer",
        "A script ends with something else than its kind has to give.",
        "The help names what it ends with.",
    ),
    error("script-contract", "A script has not the functions of its kind.", "The help shows them."),
    error(
        "script-fails",
        "A script fails on an ordinary request, or reaches a limit: it loops, recurses or allocates without end.",
        "Mend the place that it names.",
    ),
    error(
        "script-field",
        "A script reads what its arguments do not have.",
        "`scripts/README.md` lists what they have.",
    ),
    error("script-forbidden", "A script uses a word that leads out of the sandbox.", "Do without it."),
    error(
        "script-function",
        "A script calls a function that is not there, or with the wrong number of arguments.",
        "`scripts/README.md` lists every function.",
    ),
    error("script-syntax", "A script cannot be read.", "Mend the place."),
    error("script-variable", "A script reads a variable that nobody declared.", "Declare it with `let`."),
    error("symlink", "A link stands where a file should, and could lead anywhere.", "Put the file there."),
    error("too-large", "A file, or all of them, are larger than a bundle may be.", "Cut it; is it the right folder?"),
    warning("unread-file", "A file lies among the bundle's, and nothing reads it.", "Mend its name or its folder."),
];

/// The code of that name.
pub fn code(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_there_once_and_in_order() {
        assert!(CODES.is_sorted_by(|one, next| one.name < next.name));
    }
}
