//! Drafts, looked at: every finding with its place, what the cases come to, and what they show of the source.
//! Never: stores or changes anything; `POST /bundles` publishes.

use std::collections::BTreeMap;
use std::sync::Arc;

use legator_engine::{Coverage, Fault, FileCoverage, Point, PointKind, Report};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use tokio::sync::Semaphore;

use super::super::{Depth, Examined, Overlay, Policy};
use super::compare::{AnswersOut, CompareIn};
use super::{Room, bundle};
use crate::error::Problem;
use crate::identity::api::Authenticated;
use crate::identity::{Identity, PublishBundle};

/// Drafts that are looked at together; the next one waits for its turn. A draft may take a processor for seconds.
const TOGETHER: usize = 2;

/// A draft: files laid over a revision.
#[derive(Object)]
pub struct DraftIn {
    /// Path in the bundle to text.
    #[oai(default)]
    files: BTreeMap<String, String>,
    /// A revision that the files are laid over; without it they are the whole bundle.
    base: Option<String>,
    /// Paths of the base that are left out.
    #[oai(default)]
    remove: Vec<String>,
}

/// How far a draft is looked at.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "lowercase")]
pub enum DepthIn {
    /// Whether it loads, and what the lints say.
    Findings,
    /// And what its cases come to.
    Cases,
    /// And what its cases show of the source.
    Coverage,
}

/// A fault or a warning, with its place; lines and columns count from one, zero is the whole file.
#[derive(Object)]
pub struct DraftFinding {
    file: String,
    line: u32,
    column: u32,
    /// How many characters it is wide.
    width: u32,
    /// What kind it is; empty where it has no name.
    code: String,
    /// `error`: the bundle is not taken. `warning`: somebody should look.
    grade: String,
    message: String,
    #[oai(skip_serializing_if_is_none)]
    help: Option<String>,
}

/// A case, and where it differs from what it says; nowhere if it holds.
#[derive(Object)]
pub struct DraftCase {
    file: String,
    line: u32,
    name: String,
    problems: Vec<String>,
}

/// One of the ways in which a place can be seen, and in how many cases it was.
#[derive(Object)]
pub struct CoverageSide {
    /// `determining` of a policy, `run` of a statement, `true` or `false` of a clause or branch.
    name: String,
    times: u32,
}

/// A place that cases can show.
#[derive(Object)]
pub struct CoveragePoint {
    /// `policy`, `clause`, `line` or `branch`.
    kind: String,
    /// The policy or function that it is in.
    within: String,
    text: String,
    line: u32,
    end_line: u32,
    sides: Vec<CoverageSide>,
}

/// What the cases show of one file.
#[derive(Object)]
pub struct CoveredFile {
    file: String,
    /// Sides that were seen …
    seen: usize,
    /// … of so many.
    of: usize,
    points: Vec<CoveragePoint>,
}

/// What was found out about a draft.
#[derive(Object)]
pub struct CheckedDraft {
    /// The revision that it would be; none if it does not load.
    #[oai(skip_serializing_if_is_none)]
    revision: Option<String>,
    /// Whether it could decide: it loads and, where they were run, its cases hold.
    passed: bool,
    findings: Vec<DraftFinding>,
    /// Every case, where they were run.
    #[oai(skip_serializing_if_is_none)]
    cases: Option<Vec<DraftCase>>,
    /// What no case shows, in sentences.
    gaps: Vec<String>,
    #[oai(skip_serializing_if_is_none)]
    coverage: Option<Vec<CoveredFile>>,
}

pub struct CheckApi {
    policy: Policy,
    identity: Identity,
    turns: Arc<Semaphore>,
}

impl CheckApi {
    pub fn new(policy: Policy, identity: Identity) -> Self {
        Self { policy, identity, turns: Arc::new(Semaphore::new(TOGETHER)) }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Policies")]
impl CheckApi {
    /// Looks at a draft without storing it: its findings, and on demand its cases and what they show.
    #[oai(path = "/bundles/check", method = "post", operation_id = "check_draft")]
    async fn check(
        &self,
        caller: Authenticated,
        #[oai(default = "findings")] depth: Query<DepthIn>,
        body: Json<DraftIn>,
    ) -> Result<Json<CheckedDraft>, Problem> {
        let permit = self.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let DraftIn { files, base, remove } = body.0;
        let (files, _) = self.policy.overlaid(Overlay { base, files, remove }).await?;
        let depth = match depth.0 {
            DepthIn::Findings => Depth::Findings,
            DepthIn::Cases => Depth::Cases,
            DepthIn::Coverage => Depth::Coverage,
        };
        let _turn = self.turns.acquire().await.map_err(Problem::internal)?;
        Ok(Json(self.policy.examine(permit, files, depth).await.into()))
    }

    /// Which answers a bundle gives otherwise than another one, over the cases of both and over generated requests.
    #[oai(path = "/bundles/compare", method = "post", operation_id = "compare_bundles")]
    async fn compare(&self, caller: Authenticated, body: Json<CompareIn>) -> Result<Json<AnswersOut>, Problem> {
        let permit = self.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let CompareIn { revision, files, base, remove, against, requests } = body.0;
        let overlay = match (revision, files) {
            (Some(revision), None) if base.is_none() && remove.is_empty() => {
                Overlay { base: Some(revision), ..Overlay::default() }
            }
            (None, Some(files)) => Overlay { base, files, remove },
            _ => {
                return Err(Problem::new(
                    "invalid",
                    "give either a `revision`, or `files` with what they are laid over",
                ));
            }
        };
        let (after, _) = self.policy.overlaid(overlay).await?;
        let (before, _) = self.policy.overlaid(Overlay { base: Some(against), ..Overlay::default() }).await?;
        let _turn = self.turns.acquire().await.map_err(Problem::internal)?;
        Ok(Json(self.policy.compare(permit, before, after, requests).await?.into()))
    }
}

const fn findings() -> DepthIn {
    DepthIn::Findings
}

impl From<Examined> for CheckedDraft {
    fn from(found: Examined) -> Self {
        let Examined { revision, findings, report, coverage } = found;
        let holds = report.as_ref().is_none_or(Report::passed);
        Self {
            passed: revision.is_some() && holds,
            revision,
            findings: findings.iter().map(Into::into).collect(),
            gaps: report.as_ref().map(|report| report.gaps.clone()).unwrap_or_default(),
            cases: report.map(cases),
            coverage: coverage.map(|Coverage { files, .. }| files.iter().map(Into::into).collect()),
        }
    }
}

fn cases(report: Report) -> Vec<DraftCase> {
    let of_policies = report.cases.into_iter().map(|case| (case.file, case.line, case.name, case.problems));
    let of_scripts = report.scripts.into_iter().map(|case| (case.file, case.line, case.name, case.problems));
    let all = of_policies.chain(of_scripts);
    all.map(|(file, line, name, problems)| DraftCase { file, line, name, problems }).collect()
}

impl From<&Fault> for DraftFinding {
    fn from(fault: &Fault) -> Self {
        let carets = fault.snippet.lines().last().map_or(0, |line| line.matches('^').count());
        Self {
            file: fault.file.clone(),
            line: fault.line,
            column: fault.column,
            width: u32::try_from(carets).unwrap_or(1).max(1),
            code: fault.code.to_string(),
            grade: fault.grade.as_str().to_owned(),
            message: fault.message.clone(),
            help: fault.help.clone(),
        }
    }
}

impl From<&FileCoverage> for CoveredFile {
    fn from(file: &FileCoverage) -> Self {
        let share = file.share(&[PointKind::Policy, PointKind::Clause, PointKind::Line, PointKind::Branch]);
        let points = file.points.iter().map(Into::into).collect();
        Self { file: file.file.clone(), seen: share.seen, of: share.of, points }
    }
}

impl From<&Point> for CoveragePoint {
    fn from(point: &Point) -> Self {
        let kind = match point.kind {
            PointKind::Policy => "policy",
            PointKind::Clause => "clause",
            PointKind::Line => "line",
            PointKind::Branch => "branch",
        };
        let sides = point.sides.iter().map(|side| CoverageSide { name: side.name.to_owned(), times: side.times });
        Self {
            kind: kind.to_owned(),
            within: point.within.clone(),
            text: point.text.clone(),
            line: point.span.line,
            end_line: point.span.end_line,
            sides: sides.collect(),
        }
    }
}
