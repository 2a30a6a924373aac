//! What holds for every command: wrapping, appending and quoting never lower a level, and nothing makes it panic.

use legator_classify::{Classification, Table, classify};
use legator_protocol::{CommandSpec, Level};
use proptest::prelude::*;

/// Every way in which one command runs another, by what comes before it as separate words.
const WRAPPERS: [&[&str]; 24] = [
    &["sudo"],
    &["sudo", "-u", "ana", "--"],
    &["doas"],
    &["env"],
    &["env", "A=1"],
    &["nice", "-n", "5"],
    &["ionice", "-c2"],
    &["nohup"],
    &["timeout", "5"],
    &["time"],
    &["stdbuf", "-oL"],
    &["setsid"],
    &["systemd-run"],
    &["chroot", "/mnt"],
    &["nsenter", "-t", "1", "-m"],
    &["unshare", "-n"],
    &["xargs"],
    &["flock", "/tmp/l"],
    &["strace", "-f"],
    &["taskset", "0x1"],
    &["docker", "exec", "c"],
    &["kubectl", "exec", "p", "--"],
    &["busybox"],
    &["command"],
];

/// Those that take one shell line.
const LINES: [&[&str]; 8] = [
    &["sh", "-c"],
    &["bash", "-lc"],
    &["su", "-c"],
    &["eval"],
    &["ssh", "host1"],
    &["watch"],
    &["script", "-c"],
    &["flock", "/tmp/l", "-c"],
];

fn corpus() -> Vec<&'static str> {
    include_str!("../escapes.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .chain(benign())
        .collect()
}

fn benign() -> impl Iterator<Item = &'static str> {
    include_str!("../../benches/corpus.txt").lines().filter(|line| !line.is_empty())
}

fn shell(line: &str) -> Classification {
    classify(Table::shipped(), &CommandSpec::shell(line))
}

fn argv(argv: &[&str]) -> Classification {
    classify(Table::shipped(), &CommandSpec::argv(argv.iter().copied()))
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[test]
fn a_shell_line_in_any_wrapper_is_at_least_what_it_is_alone() {
    for line in corpus() {
        let alone = shell(line);
        for wrapper in LINES {
            let words: Vec<&str> = wrapper.iter().copied().chain([line]).collect();
            let wrapped = argv(&words);
            assert!(
                wrapped.level >= alone.level || !wrapped.parsed,
                "{wrapper:?} {line}: {} < {}",
                wrapped.level,
                alone.level
            );
            assert!(wrapped.parsed <= alone.parsed && wrapped.known <= alone.known, "{wrapper:?} {line}");
        }
    }
}

#[test]
fn appending_and_piping_never_lower_a_level() {
    for line in corpus() {
        let alone = shell(line).level;
        for longer in [
            format!("{line}; ls"),
            format!("{line} | cat"),
            format!("ls | {line}"),
            format!("ls; {line}"),
            format!("ls && {line}"),
            format!("({line})"),
            format!("{{ {line}; }}"),
            format!("{line} &"),
            format!("if true; then {line}; fi"),
            format!("echo $( {line} )"),
        ] {
            let found = shell(&longer);
            // What cannot be read has no level of its own: it is unparsed, and policies can see that.
            assert!(found.level >= alone || !found.parsed, "{longer}: {} < {alone}", found.level);
        }
    }
}

fn words() -> impl Strategy<Value = Vec<String>> {
    let programs: Vec<&'static str> = Table::shipped().programs();
    let word = prop_oneof![
        proptest::sample::select(vec![
            "-rf",
            "-o",
            "--",
            "-",
            "-c",
            "x",
            "/etc/passwd",
            "/dev/sda",
            "--output=x",
            "-e",
            "-n",
            "status",
            "list",
            "get",
            "show",
            "A=b",
            "",
            "*",
            "$X",
            "a b",
            "it's",
            ";",
            "|",
            "{}",
            "+",
            "rm",
            "ls",
            "-exec",
            "-l",
            "if",
            "1",
        ])
        .prop_map(str::to_owned),
        proptest::sample::select(programs.clone()).prop_map(str::to_owned),
        "[a-z$'\"\\\\ *{}()=-]{0,6}",
    ];
    (proptest::sample::select(programs), proptest::collection::vec(word, 0..8)).prop_map(|(program, mut words)| {
        words.insert(0, program.to_owned());
        words
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn argv_is_what_its_quoted_line_is(words in words()) {
        let quoted = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        let (plain, line) = (classify(Table::shipped(), &CommandSpec::argv(words)), shell(&quoted));
        prop_assert_eq!(plain, line, "{}", quoted);
    }

    #[test]
    fn a_command_in_any_wrapper_is_at_least_what_it_is_alone(words in words(), wrapper in proptest::sample::select(WRAPPERS.to_vec())) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // `sudo A=b` and `xargs -x` read the first word themselves.
        prop_assume!(!words[0].contains('='));
        let wrapped: Vec<&str> = wrapper.iter().copied().chain(words.iter().copied()).collect();
        let (alone, wrapped_found) = (argv(&words), argv(&wrapped));
        prop_assert!(wrapped_found.level >= alone.level, "{:?}: {} < {}", wrapped, wrapped_found.level, alone.level);
        prop_assert!(wrapped_found.known <= alone.known, "{:?}", wrapped);
    }

    #[test]
    fn more_words_never_make_a_destroying_option_less(words in words()) {
        let found = argv(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let highest = found.parts.iter().map(|part| part.level).max().unwrap_or(Level::Observe);
        prop_assert!(found.level >= highest);
        prop_assert!(found.known || found.level >= Level::Remediate);
        prop_assert!(found.parsed || found.level >= Level::Remediate);
    }

    #[test]
    fn never_panics_on_any_text(line in "\\PC{0,200}") {
        let found = shell(&line);
        prop_assert!(found.parsed || found.level >= Level::Remediate);
        prop_assert!(!found.parts.is_empty());
    }

    #[test]
    fn never_panics_on_what_looks_like_shell(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "$(", "${", "$((", "))", ")", "}", "`", "'", "\"", "\\", "\n", " ", ";", "&", "|", "<", ">", "<<", "<<EOF", "EOF", "\nEOF\n", "<<<", "((", "[[", "]]",
            "if", "then", "fi", "for", "in", "do", "done", "case", "esac", "while", "{", "(", "!", "~", "~1", "*", "?", "[", "]", "$", "$'", "$\"", "a", "=", "a=", "0",
            "rm", "ls", "#", "x:-", "@", "%", "/", "-", ",", "..", "time", "function", "\t", "&&", "||", "2>&1", ">(", "<(", "é", "coproc", "select", "~+", "~99999999999999999999999",
            "99999999999999999999999>", ";;", ";&", "+=", "a[", "a=(", "select",
        ]), 0..40)
    ) {
        let line = pieces.concat();
        let found = shell(&line);
        prop_assert!(found.parsed || found.level >= Level::Remediate);
    }
}
