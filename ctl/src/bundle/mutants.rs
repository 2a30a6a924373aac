//! `bundle mutants`: small mistakes in the policies and scripts of a bundle, and which of them no case notices.

use std::path::PathBuf;

use clap::Args;
use legator_engine::{Mutant, Mutants, Trial};
use serde_json::json;

use super::loaded;
use super::progress::Bar;
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Make small mistakes in a bundle, and say which of them no case notices, with the case to write.
#[derive(Args)]
pub struct TryMutants {
    /// The folder with `bundle.toml`, or an archive; `FOLDER@REV` is a git revision of the folder.
    #[arg(default_value = ".", value_name = "BUNDLE")]
    folder: PathBuf,
    /// Only in policies and files whose id or path has this in it; `*` stands for anything.
    #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
    filter: String,
    /// Fail if a smaller percentage is noticed; `[coverage] mutants` of bundle.toml if absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    fail_under: Option<u32>,
    /// How many requests are tried to find a case that would notice a mutant.
    #[arg(long, value_name = "N", default_value_t = 4000)]
    search: usize,
}

impl TryMutants {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let (bundle, gate) = match loaded::load(&self.folder, screen)? {
            Ok(loaded) => loaded,
            Err(exit) => return Ok(exit),
        };
        let failed = !bundle.check().passed();
        let bar = Bar::new(screen, "mutants");
        let progress = |done, of| bar.at(done, of);
        let trial = Trial { filter: &self.filter, threads: loaded::threads(), progress: &progress };
        let mutants = Mutants::of(&bundle, &trial, self.search);
        drop(bar);
        let wanted = self.fail_under.or(gate.mutants);
        let ok = mutants.reaches(wanted.unwrap_or_default()) && !failed;
        let (killed, all) = (mutants.killed(), mutants.mutants.len());
        let document = json!({
            "ok": ok,
            "revision": bundle.revision(),
            "killed": killed,
            "of": all,
            "fail_under": wanted,
            "cases_hold": !failed,
            "mutants": mutants.mutants,
        });
        screen.either(&document, || {
            for mutant in mutants.survivors() {
                show(screen, mutant);
            }
            if failed {
                screen.note("not all cases hold as it is; those that do not notice nothing");
            }
            let gate = wanted.map(|percent| format!("; wanted are {percent} %")).unwrap_or_default();
            let percent = if all == 0 { 100.0 } else { share(killed, all) };
            let first = word(if ok { "ok" } else { "failed" });
            screen.data(&format!("{first}{percent:.1} % of {all} mutants are noticed ({killed}){gate}"));
        });
        Ok(if ok { Exit::OK } else { Exit::FAILED })
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}

fn show(screen: Screen, mutant: &Mutant) {
    let one_line = |text: &str| clean::line(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let Mutant { file, span, within, what, before, after, case, .. } = mutant;
    screen.data(&format!("{}{what} in `{}`", word("alive"), clean::line(within)));
    screen.data(&format!("        {}:{}:{}", clean::line(file), span.line, span.column));
    screen.data(&format!("        - {}", one_line(before)));
    if !after.is_empty() {
        screen.data(&format!("        + {}", one_line(after)));
    }
    match case {
        Some(case) => {
            screen.data("        a case that notices it:");
            for line in clean::lines(case).lines() {
                screen.data(&format!("          {line}"));
            }
        }
        None => screen.data("        no request was found that shows it; is it a mistake at all?"),
    }
    screen.data("");
}
