//! How deep a policy or a schema goes, looked at before Cedar reads it. Its parser, its validator and what frees its trees
//! call themselves for each level, and a stack that runs out ends the process; and a schema whose types are made of one
//! another unfolds to more than any memory holds.
//! Never: refuses what somebody could have meant. What is written by hand stays far below these bounds.

use std::collections::BTreeMap;

use cedar_policy::SchemaFragment;
use serde_json::Value;

use crate::bundle::Fault;

/// How many brackets may be open at once.
const NESTED: usize = 64;
/// How many accesses, calls, sums and products may follow one another: `a.b.c + d`.
const CHAIN: usize = 1_000;
/// How many `if` one policy may hold, and how many conditions.
const IFS: usize = 250;
const CONDITIONS: usize = 250;
/// How many parts a type of the schema may have once every name in it stands for what it is made of, and how deep they lie.
const PARTS: u64 = 20_000;
const LEVELS: u64 = 100;
/// How many parts all entities and actions may have so.
const WHOLE: u64 = 500_000;

const HELP: &str = "name a part of it in a policy or a type of its own";

/// What is being read: `<` opens a bracket in a schema, and compares in a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Policies,
    Schema,
}

/// The first place that goes too deep.
pub(crate) fn too_deep(file: &str, text: &str, kind: Text) -> Option<Fault> {
    let (at, what) = deepest(text, kind)?;
    let code = if kind == Text::Policies { "policy-syntax" } else { "schema-syntax" };
    Some(Fault::at(file, text, at..at + 1, what).code(code).help(HELP))
}

fn deepest(text: &str, kind: Text) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    // Of each bracket that is open, and of what is outside of them, how long the chain is by now.
    let mut chains = vec![0_usize];
    let (mut ifs, mut conditions, mut at) = (0, 0, 0);
    while let Some(&c) = bytes.get(at) {
        let begun = at;
        at += 1;
        match c {
            b'"' => {
                while let Some(&c) = bytes.get(at) {
                    at += if c == b'\\' { 2 } else { 1 };
                    if c == b'"' {
                        break;
                    }
                }
            }
            b'/' if bytes.get(at) == Some(&b'/') => {
                at += bytes.get(at..).unwrap_or_default().iter().take_while(|c| **c != b'\n').count();
            }
            b'(' | b'[' | b'{' | b'<' if c != b'<' || kind == Text::Schema => {
                if let Some(chain) = chains.last_mut().filter(|_| c != b'{') {
                    *chain += 1; // an index or a call
                }
                chains.push(0);
                if chains.len() > NESTED + 1 {
                    return Some((begun, format!("more than {NESTED} brackets are open here")));
                }
            }
            b')' | b']' | b'}' | b'>' if c != b'>' || kind == Text::Schema => {
                chains.truncate(chains.len().saturating_sub(1).max(1));
            }
            b'.' | b'+' | b'-' | b'*' => {
                if let Some(chain) = chains.last_mut() {
                    *chain += 1;
                }
            }
            b',' | b'&' | b'|' | b'=' | b'!' | b'<' | b'>' => {
                if let Some(chain) = chains.last_mut() {
                    *chain = 0;
                }
            }
            b';' => {
                // A declaration ends inside its namespace, too; a policy is inside of nothing.
                if let Some(chain) = chains.last_mut() {
                    *chain = 0;
                }
                if chains.len() == 1 {
                    (ifs, conditions) = (0, 0);
                }
            }
            c if c.is_ascii_alphabetic() || c == b'_' => {
                at += bytes.get(at..).unwrap_or_default().iter().take_while(|c| is_of_a_word(**c)).count();
                match text.get(begun..at) {
                    Some("if") => ifs += 1,
                    Some("when" | "unless") => conditions += 1,
                    _ => {}
                }
            }
            _ => {}
        }
        if chains.last().is_some_and(|chain| *chain > CHAIN) {
            return Some((begun, format!("more than {CHAIN} accesses, calls, sums and products follow one another")));
        }
        if ifs > IFS || conditions > CONDITIONS {
            let (n, what) = if ifs > IFS { (IFS, "`if`") } else { (CONDITIONS, "`when` and `unless`") };
            return Some((begun, format!("one policy has more than {n} {what}")));
        }
    }
    None
}

const fn is_of_a_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

/// The first type, in the order of names, that unfolds to too much. What goes in a circle is refused elsewhere.
pub(super) fn too_large(file: &str, fragment: SchemaFragment) -> Option<Fault> {
    let schema = fragment.to_json_value().ok()?;
    let spaces = schema.as_object()?;
    let mut types: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (name, made_of) in spaces.values().filter_map(|space| space.get("commonTypes")?.as_object()).flatten() {
        // Names are told apart without their namespace: one of two is as large as both.
        types.entry(last(name)).or_default().push(made_of);
    }
    let mut known = BTreeMap::new();
    let large = types.keys().find(|name| !sized(name, &types, &mut known).is_small());
    let message = match large {
        Some(name) => format!("the type `{name}` unfolds to more than {PARTS} parts or {LEVELS} levels"),
        None => {
            let of = |name: &str| known.get(name).copied().flatten().unwrap_or_default();
            let used = spaces.values().flat_map(|space| [space.get("entityTypes"), space.get("actions")]).flatten();
            let parts = used.fold(0_u64, |sum, used| sum.saturating_add(unfolded(used, &of).parts));
            if parts <= WHOLE {
                return None;
            }
            format!("the schema unfolds to {parts} parts, and {WHOLE} are enough for anybody")
        }
    };
    Some(Fault::whole(file, message).code("schema-syntax").help("make it of fewer types"))
}

fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

#[derive(Clone, Copy, Default)]
struct Size {
    parts: u64,
    levels: u64,
}

impl Size {
    const fn is_small(self) -> bool {
        self.parts <= PARTS && self.levels <= LEVELS
    }
}

/// How large a named type is. It goes through the names without calling itself, since their chain is as long as anybody likes.
fn sized<'t>(
    name: &'t str,
    types: &BTreeMap<&'t str, Vec<&'t Value>>,
    known: &mut BTreeMap<&'t str, Option<Size>>,
) -> Size {
    let mut open = vec![name];
    while let Some(&name) = open.last() {
        let made_of = types.get(name).map(Vec::as_slice).unwrap_or_default();
        let first_seen = !known.contains_key(name);
        known.entry(name).or_insert(None);
        let mut wanted = Vec::new();
        if first_seen {
            made_of.iter().for_each(|part| names_in(part, types, &mut wanted));
            wanted.retain(|wanted| !known.contains_key(wanted));
        }
        if wanted.is_empty() {
            // A name that is still open is of a circle, and counts as nothing.
            let of = |name: &str| known.get(name).copied().flatten().unwrap_or_default();
            let size = made_of.iter().map(|part| unfolded(part, &of)).fold(Size::default(), |a, b| Size {
                parts: a.parts.saturating_add(b.parts),
                levels: a.levels.max(b.levels),
            });
            known.insert(name, Some(size));
            open.pop();
        } else {
            open.extend(wanted);
        }
    }
    known.get(name).copied().flatten().unwrap_or_default()
}

fn names_in<'t>(made_of: &'t Value, types: &BTreeMap<&'t str, Vec<&'t Value>>, names: &mut Vec<&'t str>) {
    match made_of {
        Value::String(name) => names.extend(types.get_key_value(last(name)).map(|(name, _)| *name)),
        Value::Array(parts) => parts.iter().for_each(|part| names_in(part, types, names)),
        Value::Object(parts) => parts.values().for_each(|part| names_in(part, types, names)),
        _ => {}
    }
}

/// How large a type is, with the sizes of the names in it. As deep as the text, which was looked at before.
fn unfolded(made_of: &Value, of: &impl Fn(&str) -> Size) -> Size {
    let within: Vec<Size> = match made_of {
        Value::String(name) => vec![of(last(name))],
        Value::Array(parts) => parts.iter().map(|part| unfolded(part, of)).collect(),
        Value::Object(parts) => parts.values().map(|part| unfolded(part, of)).collect(),
        _ => Vec::new(),
    };
    let parts = within.iter().fold(1_u64, |sum, size| sum.saturating_add(size.parts));
    // The document has levels of its own between those of the type: an object and a key for each.
    let own = u64::from(matches!(made_of, Value::Object(parts) if parts.contains_key("type")));
    Size { parts, levels: own + within.iter().map(|size| size.levels).max().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(condition: &str) -> String {
        format!("permit (principal, action, resource) when {{ {condition} }};")
    }

    #[test]
    fn what_is_nested_or_chained_beyond_all_sense_is_refused_where_it_is() {
        let n = 5_000;
        let deep = [
            policy(&format!("{}true{}", "(".repeat(n), ")".repeat(n))),
            policy(&format!("{}{}.isEmpty()", "[".repeat(n), "]".repeat(n))),
            policy(&format!("{}1{} == 1", "{a: ".repeat(n), "}".repeat(n))),
            policy(&format!("{}\"1\"{}.isIpv4()", "ip(".repeat(n), ")".repeat(n))),
            policy(&format!("{}true{}", "if true then ".repeat(n), " else true".repeat(n))),
            policy(&format!("principal{} == 1", ".a".repeat(n))),
            policy(&format!("principal{} == 1", "[\"a\"]".repeat(n))),
            policy(&format!("principal{}", ".contains(1, 2)".repeat(n))),
            policy(&format!("{}1 == 1", "1 + ".repeat(n))),
            policy(&format!("{}1 == 1", "1 * ".repeat(n))),
            format!("permit (principal, action, resource) {};", "when { true } ".repeat(n)),
        ];
        for text in &deep {
            let fault = too_deep("p.cedar", text, Text::Policies).unwrap_or_else(|| panic!("{}", &text[..80]));
            assert_eq!((&*fault.code, fault.line), ("policy-syntax", 1));
        }
        for text in [format!("entity A {{ a: {}Long{} }};", "Set<".repeat(n), ">".repeat(n)), "{a: ".repeat(n)] {
            assert!(too_deep("s", &text, Text::Schema).is_some_and(|fault| &*fault.code == "schema-syntax"));
        }
    }

    #[test]
    fn what_is_long_and_shallow_is_not() {
        let n = 5_000;
        let long = [
            policy(&format!("{}true", "context.a.b == 1 && ".repeat(n))),
            policy(&format!("{}true", "context.a.b == 1 || ".repeat(n))),
            policy(&format!("principal in [{}]", "User::\"a\", ".repeat(n))),
            policy(&format!("{}true", "(a.b) && ".repeat(n))),
            policy(&format!("\"{}\" == \"{}\\\"{}\"", "(".repeat(n), "[".repeat(n), "{".repeat(n))),
            format!("// {}\n{}", "(".repeat(n), policy("true")),
            format!("{}\n", policy("if true then true else false")).repeat(n),
            policy(&format!("{}true{}", "(".repeat(60), ")".repeat(60))),
        ];
        let schema = format!("namespace N {{\n{}}}", "entity A in [B];\n".repeat(n));
        assert!(too_deep("s", &schema, Text::Schema).is_none());
        for text in &long {
            assert!(too_deep("p.cedar", text, Text::Policies).is_none(), "{}", &text[..80]);
        }
    }

    #[test]
    fn a_type_that_unfolds_to_everything_is_refused_and_one_of_many_parts_is_not() {
        let read = |text: &str| SchemaFragment::from_cedarschema_str(text).unwrap().0;
        let laughs: String = (1..60).map(|n| format!("type T{n} = {{ a: T{}, b: T{} }};\n", n - 1, n - 1)).collect();
        let fault = too_large("s", read(&format!("type T0 = Long;\n{laughs}entity A {{ a: T59 }};"))).unwrap();
        assert!(fault.message.contains("unfolds"), "{fault:?}");
        let tower: String = (1..30_000).map(|n| format!("type T{n} = Set<T{}>;\n", n - 1)).collect();
        assert!(too_large("s", read(&format!("type T0 = Long;\n{tower}"))).is_some());
        let broad: String = (1..500).map(|n| format!("type T{n} = {{ a: Long, b: T0 }};\n")).collect();
        assert!(too_large("s", read(&format!("type T0 = {{ c: String }};\n{broad}"))).is_none());
        let attributes: String = (1..600).map(|n| format!("a{n}: T8,")).collect();
        let eight: String = (1..9).map(|n| format!("type T{n} = {{ a: T{}, b: T{} }};\n", n - 1, n - 1)).collect();
        let fault = too_large("s", read(&format!("type T0 = Long;\n{eight}entity A {{ {attributes} }};"))).unwrap();
        assert!(fault.message.contains("the schema unfolds"), "{fault:?}");
        // A circle is for another check, and ends this one.
        assert!(too_large("s", read("type A = Set<B>;\ntype B = Set<A>;")).is_none());
    }
}
