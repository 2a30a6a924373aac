//! What runs, and how it ends.

use std::fs;

use legator_protocol::{CommandSpec, End, Look, LookKind, ToProbe};

use crate::world::{World, dies};

#[tokio::test]
async fn runs_a_program_with_its_arguments_and_no_shell() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.order(CommandSpec::argv(["printf", "%s|", "a b", "$HOME", "*;id"]));
    let told = link.run(&order).await;
    assert_eq!((told.text(), told.end()), ("a b|$HOME|*;id|", &End::Exited { code: 0 }));
    assert_eq!(told.result().stdout_bytes, 15);
    assert!(told.result().started_at_ms <= told.result().ended_at_ms);
}

#[tokio::test]
async fn runs_a_line_in_the_shell_and_tells_the_streams_apart() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("echo out; echo err >&2; exit 3");
    let told = link.run(&order).await;
    assert_eq!((told.text(), &told.stderr[..], told.end()), ("out\n", &b"err\n"[..], &End::Exited { code: 3 }));
}

#[tokio::test]
async fn gives_a_clean_environment_and_what_the_order_sets() {
    let (mut world, mut link) = World::new().await.start().await;
    let mut order = world.order(CommandSpec::argv(["env"]));
    order.spec.env.insert("COLOR".into(), "no way".into());
    let told = link.run(&order).await;
    let names: Vec<_> = told.text().lines().filter_map(|line| line.split_once('=')).collect();
    let mut sorted: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ["COLOR", "HOME", "LANG", "LEGATOR_COMMAND", "PATH"]);
    assert!(names.contains(&("COLOR", "no way")) && names.contains(&("LANG", "C.UTF-8")));
}

#[tokio::test]
async fn runs_where_the_order_says_and_at_the_root_otherwise() {
    let (mut world, mut link) = World::new().await.start().await;
    let mut order = world.order(CommandSpec::argv(["pwd"]));
    assert_eq!(link.run(&order).await.text(), "/\n");
    let dir = world.dir.path().canonicalize().unwrap();
    order = world.order(CommandSpec { cwd: Some(dir.display().to_string()), ..order.spec });
    assert_eq!(link.run(&order).await.text().trim(), dir.to_str().unwrap());
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let (mut world, mut link) = World::new().await.start().await;
    for (spec, why) in [
        (CommandSpec::argv(["no-such-program-here"]), "is not on this host"),
        (CommandSpec::argv(["/etc/passwd"]), "cannot start `/etc/passwd`"),
        (CommandSpec { cwd: Some("/no/such/dir".into()), ..CommandSpec::argv(["ls"]) }, "cannot enter `/no/such/dir`"),
        (CommandSpec { timeout_ms: 0, ..CommandSpec::argv(["ls"]) }, "`timeout_ms` is 0"),
    ] {
        let order = world.order(spec);
        let told = link.run(&order).await;
        assert!(matches!(told.end(), End::NotStarted { why: said } if said.contains(why)), "{:?}", told.end());
    }
}

#[tokio::test]
async fn a_signal_is_told_as_one() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("kill -SEGV $$");
    assert_eq!(link.run(&order).await.end(), &End::Signaled { signal: 11 });
}

#[tokio::test]
async fn output_comes_whole_and_in_order_in_chunks_of_at_most_32_kibibytes() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("seq 1 60000");
    let told = link.run(&order).await;
    let expected: String = (1..=60_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(told.text(), expected);
    assert!(told.chunks.iter().all(|chunk| chunk.len() <= 32 * 1024 && !chunk.is_empty()));
    assert!(!told.result().truncated);
}

#[tokio::test]
async fn keeps_what_the_cap_allows_counts_the_rest_and_never_holds_the_program_up() {
    let (mut world, mut link) = World::new().await.start().await;
    let mut order = world.shell("head -c 3000000 /dev/zero; head -c 50 /dev/zero >&2; echo done >&2");
    order.max_output = 100_000;
    let told = link.run(&order).await;
    assert_eq!((told.stdout.len(), told.result().stdout_bytes), (100_000, 3_000_000));
    assert_eq!((told.stderr.len(), told.result().stderr_bytes), (55, 55));
    assert!(told.result().truncated);
    assert_eq!(told.end(), &End::Exited { code: 0 });
}

#[tokio::test]
async fn an_order_cannot_raise_the_cap_above_the_wires() {
    let (mut world, mut link) = World::new().await.start().await;
    let mut order = world.shell("head -c 1500000 /dev/zero");
    order.max_output = u64::MAX;
    let told = link.run(&order).await;
    assert_eq!((told.stdout.len(), told.result().truncated), (1024 * 1024, true));
}

#[tokio::test]
async fn time_ends_the_whole_group() {
    let (mut world, mut link) = World::new().await.start().await;
    let mut order = world.shell("sleep 1000 & echo $!; wait");
    order.spec.timeout_ms = 300;
    let told = link.run(&order).await;
    assert_eq!(told.end(), &End::TimedOut);
    assert!(dies(told.text()).await);
}

#[tokio::test]
async fn who_ignores_term_is_killed() {
    let (mut world, mut link) = World::new().await.start().await;
    // The leader goes at once; what stays ignores TERM and holds no pipe.
    let mut order = world.shell("(trap '' TERM; exec sleep 1000 >/dev/null 2>&1) & echo $!; wait");
    order.spec.timeout_ms = 300;
    let told = link.run(&order).await;
    assert_eq!(told.end(), &End::TimedOut);
    assert!(dies(told.text()).await);
}

#[tokio::test]
async fn a_cancel_ends_it_and_keeps_what_it_wrote() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("echo begun; exec sleep 1000");
    link.send(&order).await;
    link.wrote(order.command, "begun\n").await;
    link.say(&ToProbe::Cancel { command: order.command, reason: "ana said so".into() }).await;
    let legator_protocol::ToServer::Result(result) = link.next().await else { panic!("expected the end") };
    assert_eq!((result.end, result.chunks, result.stdout_bytes), (End::Canceled, 1, 6));
    // One that is over is left alone.
    link.say(&ToProbe::Cancel { command: order.command, reason: "again".into() }).await;
    let other = world.shell("echo still here");
    assert_eq!(link.run(&other).await.text(), "still here\n");
}

#[tokio::test]
async fn a_cancel_of_what_never_came_keeps_a_late_order_from_starting() {
    let (mut world, mut link) = World::new().await.start().await;
    let late = world.shell("echo too late");
    link.say(&ToProbe::Cancel { command: late.command, reason: "too early".into() }).await;
    let told = link.run(&late).await;
    assert_eq!((told.end(), told.text()), (&End::Canceled, ""));
    // Said once more, it is still over.
    let again = link.run(&late).await;
    assert_eq!((again.end(), again.text()), (&End::Canceled, ""));
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_does_not_hold_the_end_up() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("sleep 1000 & echo $!");
    let told = link.run(&order).await;
    assert_eq!(told.end(), &End::Exited { code: 0 });
    // What a command leaves in the background on purpose lives on.
    let pid = told.text().trim().to_owned();
    assert!(crate::world::lives(&pid));
    let stop = world.order(CommandSpec::argv(["kill", "-9", pid.as_str()]));
    link.run(&stop).await;
    assert!(dies(&pid).await);
}

#[tokio::test]
async fn commands_run_beside_each_other() {
    let (mut world, mut link) = World::new().await.start().await;
    let pipe = world.file("pipe");
    let made = world.order(CommandSpec::argv(["mkfifo", pipe.to_str().unwrap()]));
    link.run(&made).await;
    // Each waits for the other, so one after the other they would never end.
    let (reader, writer) =
        (world.shell(&format!("cat {}", pipe.display())), world.shell(&format!("echo met > {}", pipe.display())));
    link.send(&reader).await;
    link.send(&writer).await;
    let mut ends = 0;
    while ends < 2 {
        if let legator_protocol::ToServer::Result(result) = link.next().await {
            assert_eq!(result.end, End::Exited { code: 0 });
            ends += 1;
        }
    }
}

#[tokio::test]
async fn looks_right_before_and_right_after() {
    let (mut world, mut link) = World::new().await.start().await;
    let path = world.file("motd");
    fs::write(&path, "old").unwrap();
    let mut order = world.shell(&format!("printf newer > {}", path.display()));
    order.look = vec![Look { kind: LookKind::File, target: path.display().to_string() }];
    let told = link.run(&order).await;
    let seen = &told.result().seen[0];
    assert_eq!((&*seen.before["size"], &*seen.after["size"]), ("3", "5"));
    assert_ne!(seen.before["sha256"], seen.after["sha256"]);
}

#[tokio::test]
async fn the_floor_bounds_what_a_program_may_take() {
    let (mut world, mut link) = World::new().await.floor("[limits]\nopen_files = 17").start().await;
    let order = world.order(CommandSpec::argv(["sh", "-c", "ulimit -n; echo $0 $1", "a b", "c"]));
    assert_eq!(link.run(&order).await.text(), "17\na b c\n");
}

#[tokio::test]
async fn runs_as_the_user_that_the_floor_names() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (mut world, mut link) = World::new().await.floor("user = \"nobody\"").start().await;
    let order = world.shell("id -un; id -G; echo $HOME");
    let told = link.run(&order).await;
    let lines: Vec<_> = told.text().lines().collect();
    assert_eq!(lines[0], "nobody");
    assert!(!lines[1].split(' ').any(|group| group == "0"), "{lines:?}");
    assert_eq!(lines[2], legator_probe::look::account("nobody").unwrap().home);
}
