//! Lines that look as if they only read. One that is classified below `remediate` is a security fault.

use legator_classify::{Table, classify};
use legator_protocol::{CommandSpec, Level};

fn level(line: &str) -> Level {
    classify(Table::shipped(), &CommandSpec::shell(line)).level
}

#[test]
fn no_way_out_passes_as_reading() {
    let lines: Vec<&str> =
        include_str!("../escapes.txt").lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
    assert!(lines.len() >= 150, "{} lines", lines.len());
    let passed: Vec<&&str> = lines.iter().filter(|line| level(line) < Level::Remediate).collect();
    assert!(passed.is_empty(), "{} of {} pass:\n{passed:#?}", passed.len(), lines.len());
}

#[test]
fn nothing_hides_behind_lines_comments_or_documents() {
    for line in [
        "ls\nrm x",
        "ls # it's\nrm x # '",
        "ls \\\n; rm x",
        "r\\\nm x",
        "cat <<EOF\n$(rm x)\nEOF",
        "cat <<EOF\n`rm x`\nEOF",
        "cat <<E\\OF\na\nEOF\nrm x",
        "cat <<EOF\nEO\\\nF\nrm x\nEOF",
        "cat <<A <<B\nA\nB\nrm x",
        "bash <<EOF\nrm x\nEOF",
        "bash <<'EOF'\nrm x\nEOF",
        "python3 <<EOF\nprint(1)\nEOF",
        "cat <<EOF | sh\nrm x\nEOF",
        "cat <<-EOF\n\ta\n\tEOF\nrm x",
        "echo $(ls # )\n) ; rm x",
        "[[ a\nrm x\n]]",
        "echo `a<<E` $(cat <<F",
        "ls\u{202e} x",
        "l\u{200b}s",
        "ls\rrm x",
        "ls \u{1b}[2K",
        "echo a\u{a0}; ls",
    ] {
        assert!(level(line) >= Level::Remediate, "{line:?}");
    }
}

#[test]
fn the_environment_of_a_command_counts() {
    for (name, value) in [("LD_PRELOAD", "/tmp/x.so"), ("PATH", "/tmp"), ("GIT_SSH_COMMAND", "id"), ("PERL5OPT", "-Mx")]
    {
        let mut spec = CommandSpec::argv(["ls"]);
        spec.env.insert(name.to_owned(), value.to_owned());
        assert_eq!(classify(Table::shipped(), &spec).level, Level::Remediate, "{name}");
    }
    let mut spec = CommandSpec::argv(["ls"]);
    spec.env.insert("LANG".to_owned(), "C".to_owned());
    assert_eq!(classify(Table::shipped(), &spec).level, Level::Observe);
}

#[test]
fn code_that_is_hidden_deep_or_long_is_not_read() {
    let deep = format!("{}ls{}", "$(".repeat(200), ")".repeat(200));
    let nested = format!("{}ls{}", "( ".repeat(2_000), " )".repeat(2_000));
    let bare = "((".repeat(4_000);
    let braces = format!("{}ls{}", "{ ".repeat(2_000), ";}".repeat(2_000));
    let params = format!("echo {}x{}", "${a:-".repeat(500), "}".repeat(500));
    let long = format!("ls {}", "a ".repeat(20_000));
    let ifs = "if ".repeat(3_000);
    for line in [deep, nested, bare, braces, params, ifs] {
        let found = classify(Table::shipped(), &CommandSpec::shell(&line));
        assert!(!found.parsed && found.level >= Level::Remediate, "{}", line.get(..40).unwrap());
    }
    // Many plain words are long, not deep.
    assert_eq!(level(&long), Level::Observe);
    assert!(level(&format!("{}ls", "eval ".repeat(30))) >= Level::Remediate);
    let sudos = format!("{}ls", "sudo ".repeat(30));
    assert!(level(&sudos) >= Level::Remediate);
}

/// The tokenizer looks for the end of these for ever, and eats all memory while it does.
#[test]
fn a_document_without_a_delimiter_is_not_read() {
    for line in [
        "cat <<'' ",
        "cat <<\"\" ",
        "cat <<-'' ",
        "b<<\u{c} ",
        "b<<\r ",
        "cat <<",
        "cat << '' ",
        "cat <<<<'' ",
        "cat <<<<<'' ",
        "echo 'a' \"b\" <<'' ",
        "echo it\\'s <<'' ",
        "echo \\$'a\\' <<'' ",
        "echo $'a\\'' <<'' ",
        "cat \\<<<'' ",
        "echo \"$(cat \\<<<'' )\"",
        "echo `cat \\<<<'' `",
        "cat <\\\n<'' ",
        "cat <<\\\n'' ",
        "cat <<A\n'\nA\ncat <<'' ",
        "cat <<A\n\"\nA\ncat \\<<<'' ",
        "cat <<A '\nA\ncat <<'' '",
    ] {
        let found = classify(Table::shipped(), &CommandSpec::shell(line));
        assert!(!found.parsed && found.level >= Level::Remediate, "{line:?}: {found:?}");
    }
    // These are no documents, or have an end.
    for line in [
        "grep '<<<<<<<' notes",
        "grep \"<<\" notes",
        "cat <<EOF\na\nEOF",
        "cat <<'EOF'\nit's\nEOF",
        "cat <<< ''",
        "cat <<<\"\"",
    ] {
        let found = classify(Table::shipped(), &CommandSpec::shell(line));
        assert!(found.parsed && found.level == Level::Observe, "{line:?}: {found:?}");
    }
}

/// Each of these brackets costs the reader of words twice as much as the one before: forty would never end.
#[test]
fn brackets_in_a_subscript_take_no_time() {
    for unit in ["(", "<(", "?(", "(a["] {
        for (head, tail) in [("e[$(()$[", "\"$\"]{)"), ("e[$[", "]"), ("${e[$((", "))]}"), ("e[`$[", "`]")] {
            let line = format!("{head}{}{tail}", unit.repeat(60));
            let begun = std::time::Instant::now();
            let found = classify(Table::shipped(), &CommandSpec::shell(&line));
            assert!(!found.parsed && found.level >= Level::Remediate, "{line}");
            assert!(begun.elapsed().as_secs() < 5, "{line} took {:?}", begun.elapsed());
        }
    }
    let (name, sub) = ("${ok[en:: .d*}*0) ", "w[Bc[[ ${okenz\"\\\\\": .d*}");
    for unit in [name, sub, "${a[", "${a:", "${a:${b[", "${\"", "a[$((", "$[${a["] {
        for tail in ["", "dzzzzzzzzzzzzzzzzzzzzz*}*0)", "]}", "\"))]"] {
            let line = format!("{}{tail}", unit.repeat(30));
            let begun = std::time::Instant::now();
            let found = classify(Table::shipped(), &CommandSpec::shell(&line));
            assert!(found.level >= Level::Remediate, "{line}");
            assert!(begun.elapsed().as_secs() < 5, "{line} took {:?}", begun.elapsed());
        }
    }
    for line in [
        "echo $(( (1 + 2) * (3 + 4) ))",
        "echo ${a[0]} $((1 + 2))",
        "test $((1 + 2)) -eq 3",
        "echo \"$((a + 1)) $((b + 1)) $((c + 1)) $((d + 1))\"",
        "echo ${a[@]} ${b[*]} ${d[1]} ${#e[@]}",
        "echo ${a:1} ${b:1:2} ${c:-x} ${d##*/} ${e%.*} ${f/x/y}",
        "ls $HOME/file[0-9]* part[a-z] more[!x]",
    ] {
        assert!(classify(Table::shipped(), &CommandSpec::shell(line)).parsed, "{line}");
    }
}
