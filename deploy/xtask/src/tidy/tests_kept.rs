//! Tests read as sentences and wait for events: no `test_` names, no sleeps.

use super::{Finding, Tree, source};

pub fn look(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, source) in tree.rust() {
        let tested = |at: &usize| file.tests_only() || source.tested(*at);
        for at in source.words("fn").into_iter().filter(tested) {
            let name = source::ident_at(&source.code, source::skip_space(&source.code, at + "fn".len()));
            if name.starts_with("test_") {
                let message =
                    format!("`{name}`: a test's name is a sentence, as in `holds_a_wipe_until_two_people_approve`");
                findings.push(Finding::at(file, source.line(at), message));
            }
        }
        for word in ["sleep(", "sleep_until("] {
            for at in source.words(word).into_iter().filter(tested) {
                let message = "a test that sleeps is slow and still flaky; wait for the event, with a limit";
                findings.push(Finding::at(file, source.line(at), message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        look(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn refuses_names_that_begin_with_test() {
        assert_eq!(found("probe/tests/it.rs", "#[test]\nfn test_it() {}"), ["probe/tests/it.rs:2"]);
        assert_eq!(
            found("probe/src/gate.rs", "fn test_it() {}\n#[cfg(test)]\nmod tests {\n  fn test_it() {} }"),
            ["probe/src/gate.rs:4"]
        );
        assert_eq!(
            found("probe/tests/it.rs", "#[test]\nfn refuses_a_test_that_tests_nothing() {}"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn refuses_sleeps_in_tests_only() {
        let text = "fn f() { std::thread::sleep(a); tokio::time::sleep(b).await; tokio::time::sleep_until(c).await; }";
        assert_eq!(found("probe/tests/it.rs", text).len(), 3);
        assert_eq!(found("server/testkit/src/lib.rs", text).len(), 3);
        assert_eq!(found("probe/src/reconnect.rs", text), Vec::<String>::new());
        assert_eq!(found("probe/tests/it.rs", "fn f() { run(\"sleep(1)\"); asleep(); }"), Vec::<String>::new());
    }
}
