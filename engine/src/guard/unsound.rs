//! What is wrong with a schema that can be read, said in the same words each time: Cedar goes through tables without an
//! order, and names whichever name of a circle, or of several that nobody declared, it happens to reach first.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use cedar_policy::{SchemaError, SchemaFragment};
use serde_json::Value;

use super::vocabulary::faults_of;
use crate::bundle::Fault;

type Graph = BTreeMap<String, BTreeSet<String>>;

const ATTEMPT: &str = "the schema does not hold together";

/// The faults of a schema that Cedar refused.
pub(super) fn faults(file: &str, text: &str, fragment: SchemaFragment, error: &SchemaError) -> Vec<Fault> {
    let json = || fragment.to_json_value().unwrap_or_default();
    let found = match error {
        SchemaError::CycleInActionHierarchy(_) => circular(file, text, &actions(&json()), "actions", "is in"),
        SchemaError::CycleInCommonTypeReferences(_) => circular(file, text, &types(&json()), "types", "is made of"),
        SchemaError::ActionNotDefined(_) => {
            let graph = actions(&json());
            let named = graph.values().flatten().map(String::as_str);
            undeclared(file, text, named.filter(|group| !graph.contains_key(*group)), "an action")
        }
        SchemaError::TypeNotDefined(types) => {
            // Its labels have the first name alone; its sentence has them all.
            let said = types.to_string();
            let names = said.rsplit_once(": ").map_or("", |(_, names)| names);
            undeclared(file, text, names.split(", "), "a type")
        }
        _ => Vec::new(),
    };
    if found.is_empty() { faults_of(file, text, error, ATTEMPT) } else { found }
}

fn circular(file: &str, text: &str, graph: &Graph, of_what: &str, link: &str) -> Vec<Fault> {
    let Some(circle) = circle(graph) else { return Vec::new() };
    let Some(first) = circle.first() else { return Vec::new() };
    let around = circle.iter().skip(1).chain([first]).map(|name| format!("{link} `{name}`"));
    let around = around.collect::<Vec<_>>().join(", which ");
    let message = format!("{ATTEMPT}: a circle of {of_what}: `{first}` {around}");
    vec![match place_of(text, first) {
        Some(range) => Fault::at(file, text, range, message),
        None => Fault::whole(file, message),
    }]
}

/// A fault for each name that stands somewhere and is declared nowhere, in the order of the file.
fn undeclared<'n>(file: &str, text: &str, names: impl Iterator<Item = &'n str>, what: &str) -> Vec<Fault> {
    let places = names.filter_map(|name| place_of(text, name));
    let places: BTreeSet<(usize, usize)> = places.map(|range| (range.start, range.end)).collect();
    let faults = places.into_iter().map(|(start, end)| {
        let name = text.get(start..end).unwrap_or_default();
        let message = format!("{ATTEMPT}: `{name}` is not declared as {what}");
        Fault::at(file, text, start..end, message).help(format!("declare `{name}`, or mend its name"))
    });
    faults.collect()
}

/// The shortest way from the first name that comes back to itself, in the order of names.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    graph.keys().find_map(|start| {
        let mut ways = vec![vec![start]];
        let mut seen = BTreeSet::new();
        while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                for next in way.last().and_then(|last| graph.get(*last)).into_iter().flatten() {
                    if next == start {
                        return Some(way.into_iter().cloned().collect());
                    }
                    if seen.insert(next) {
                        longer.push(way.iter().copied().chain([next]).collect::<Vec<_>>());
                    }
                }
            }
            ways = longer;
        }
        None
    })
}

/// Every namespace's declarations of one kind; names are told apart without their namespace.
fn declared<'v>(schema: &'v Value, kind: &'static str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    let spaces = schema.as_object().into_iter().flat_map(|spaces| spaces.values());
    spaces.filter_map(move |space| space.get(kind)?.as_object()).flatten()
}

fn actions(schema: &Value) -> Graph {
    let groups = |action: &Value| {
        let groups = action.get("memberOf").and_then(Value::as_array).into_iter().flatten();
        groups.filter_map(|group| group.get("id")?.as_str().map(str::to_owned)).collect()
    };
    declared(schema, "actions").map(|(name, action)| (name.clone(), groups(action))).collect()
}

fn types(schema: &Value) -> Graph {
    let mut graph: Graph = Graph::new();
    for (name, made_of) in declared(schema, "commonTypes") {
        named_in(made_of, graph.entry(name.clone()).or_default());
    }
    graph
}

/// Every name that stands in a type, however deep.
fn named_in(made_of: &Value, names: &mut BTreeSet<String>) {
    match made_of {
        Value::String(name) => {
            names.insert(name.clone());
        }
        Value::Array(parts) => parts.iter().for_each(|part| named_in(part, names)),
        Value::Object(parts) => parts.values().for_each(|part| named_in(part, names)),
        _ => {}
    }
}

/// Where the name first stands as a word of its own, outside of comments.
fn place_of(text: &str, name: &str) -> Option<Range<usize>> {
    let of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name).map(|(at, _)| at..at + name.len()).find(|range| {
        let (before, after) = (&text[..range.start], &text[range.end..]);
        let line = before.rsplit('\n').next().unwrap_or_default();
        !line.contains("//") && !before.ends_with(of_a_name) && !after.starts_with(of_a_name)
    })
}

#[cfg(test)]
mod tests {
    use cedar_policy::Schema;

    use super::*;

    fn all(text: &str) -> Vec<(u32, u32, String)> {
        let read = || SchemaFragment::from_cedarschema_str(text).unwrap().0;
        let error = Schema::from_schema_fragments([read()]).unwrap_err();
        let faults = faults("schema", text, read(), &error);
        faults.into_iter().map(|fault| (fault.line, fault.column, fault.message)).collect()
    }

    fn said(text: &str) -> (u32, u32, String) {
        let mut all = all(text);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn a_circle_is_told_from_its_first_name_and_by_its_shortest_way() {
        let text = "// zero\naction three in [zero, one];\naction zero;\naction one in [two, three];\naction two in [three];\n";
        for _ in 0..20 {
            let (line, column, message) = said(text);
            assert_eq!((line, column), (2, 24));
            assert!(message.ends_with("a circle of actions: `one` is in `three`, which is in `one`"), "{message}");
        }
    }

    #[test]
    fn a_circle_of_types_is_found_through_sets_and_records() {
        let text = "entity User;\ntype Four = Set<Two>;\ntype Two = { deep: { user: User, four?: Four } };\n";
        for _ in 0..20 {
            let (line, column, message) = said(text);
            assert_eq!((line, column), (2, 6));
            let wanted = "a circle of types: `Four` is made of `Two`, which is made of `Four`";
            assert!(message.ends_with(wanted), "{message}");
        }
    }

    #[test]
    fn what_is_in_itself_is_a_circle_of_one() {
        assert!(said("action own in [own];\n").2.ends_with("`own` is in `own`"));
    }

    #[test]
    fn everything_that_is_not_declared_is_named_in_the_order_of_the_file() {
        let wanted = |names: [(u32, u32, &str); 2], what: &str| {
            names.map(|(line, column, name)| (line, column, format!("{ATTEMPT}: `{name}` is not declared as {what}")))
        };
        for _ in 0..20 {
            let types = all("entity User in [Tagg];\nentity Probe in [Grup];\n");
            assert_eq!(types, wanted([(1, 17, "Tagg"), (2, 18, "Grup")], "a type"));
            let actions = all("action two in [later];\naction one in [before];\n");
            assert_eq!(actions, wanted([(1, 16, "later"), (2, 16, "before")], "an action"));
        }
    }
}
