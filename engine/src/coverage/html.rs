//! Coverage as pages that need nothing but a browser: an index, and the source of each file with its marks.

use std::collections::BTreeMap;

use super::{Coverage, FileCoverage, PointKind, Share};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left;vertical-align:top}\
th{border-bottom:1px solid #888}pre{margin:0;white-space:pre-wrap}.n{color:#777;text-align:right}\
.full{background:#e3f4e3}.part{background:#fdf3d0}.none{background:#fbdcdc}.why{color:#8a1f1f}\
@media(prefers-color-scheme:dark){body{background:#16181c;color:#ddd}.full{background:#173a1c}.part{background:#4a3d10}\
.none{background:#4d1d1d}.why{color:#ff9c9c}a{color:#8ab4f8}}";

const CEDAR: [PointKind; 2] = [PointKind::Policy, PointKind::Clause];
const RHAI: [PointKind; 2] = [PointKind::Line, PointKind::Branch];

pub(super) fn pages(coverage: &Coverage, title: &str) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut rows = String::new();
    for file in &coverage.files {
        let name = page_name(&file.file);
        rows.push_str(&format!(
            "<tr><td><a href=\"{name}\">{}</a></td><td>{}</td><td>{}</td></tr>\n",
            quoted(&file.file),
            percent(file.share(&CEDAR)),
            percent(file.share(&RHAI)),
        ));
        pages.insert(name, page(&file.file, &source(file)));
    }
    let failed = match coverage.failed_cases {
        0 => String::new(),
        n => format!("<p class=\"why\">{n} case(s) did not hold; what they show does not count.</p>"),
    };
    let body = format!(
        "{failed}<p>clauses {}, scripts {}</p>\n<table><tr><th>file</th><th>clauses</th><th>lines and branches</th></tr>\n{rows}</table>",
        percent(coverage.clauses()),
        percent(coverage.scripts()),
    );
    pages.insert("index.html".to_owned(), page(title, &body));
    pages
}

fn source(file: &FileCoverage) -> String {
    let mut rows = String::from("<p><a href=\"index.html\">all files</a></p>\n<table>\n");
    for (number, text, points) in file.lines() {
        let seen = points.iter().flat_map(|point| &point.sides).filter(|side| side.times > 0).count();
        let class = match (points.is_empty(), points.iter().all(|point| point.covered()), seen) {
            (true, ..) => "",
            (_, true, _) => "full",
            (.., 0) => "none",
            _ => "part",
        };
        let why: Vec<String> = points
            .iter()
            .filter(|point| !point.covered())
            .map(|point| format!("{}: {}", quoted(&point.text), point.missing()))
            .collect();
        rows.push_str(&format!(
            "<tr class=\"{class}\"><td class=\"n\" id=\"L{number}\">{number}</td><td><pre>{}</pre></td><td class=\"why\">{}</td></tr>\n",
            quoted(text),
            why.join("<br>"),
        ));
    }
    rows.push_str("</table>");
    rows
}

fn page(title: &str, body: &str) -> String {
    let title = quoted(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
}

/// One folder holds all pages, so a path becomes one name.
fn page_name(file: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    format!("{}.html", file.chars().map(plain).collect::<String>())
}

fn percent(share: Share) -> String {
    match share.of {
        0 => String::new(),
        of => format!("{:.1} % ({} of {of})", share.percent(), share.seen),
    }
}

fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
