//! Coverage as a tracefile of lcov: a line for each line, a branch for each side.

use std::collections::BTreeMap;

use super::{Coverage, Point, PointKind};

pub(super) fn tracefile(coverage: &Coverage) -> String {
    let mut out = String::from("TN:\n");
    for file in &coverage.files {
        out.push_str(&format!("SF:{}\n", file.file));
        let mut lines: BTreeMap<u32, u32> = BTreeMap::new();
        let mut branches: Vec<(u32, usize, usize, u32)> = Vec::new();
        for (block, point) in file.points.iter().enumerate() {
            let times: u32 = point.sides.iter().map(|side| side.times).sum();
            lines.entry(point.span.line).and_modify(|most| *most = times.max(*most)).or_insert(times);
            if has_sides(point) {
                let sides = point.sides.iter().enumerate();
                branches.extend(sides.map(|(side, it)| (point.span.line, block, side, it.times)));
            }
        }
        let (n_branches, hit) = (branches.len(), branches.iter().filter(|(.., times)| *times > 0).count());
        for (line, block, side, times) in branches {
            // A branch whose line never ran is not taken nought times: it was not reached.
            let reached = lines.get(&line).is_some_and(|times| *times > 0);
            let taken = if reached { times.to_string() } else { "-".to_owned() };
            out.push_str(&format!("BRDA:{line},{block},{side},{taken}\n"));
        }
        out.push_str(&format!("BRF:{n_branches}\nBRH:{hit}\n"));
        for (line, times) in &lines {
            out.push_str(&format!("DA:{line},{times}\n"));
        }
        let hit = lines.values().filter(|times| **times > 0).count();
        out.push_str(&format!("LF:{}\nLH:{hit}\nend_of_record\n", lines.len()));
    }
    out
}

fn has_sides(point: &Point) -> bool {
    matches!(point.kind, PointKind::Clause | PointKind::Branch)
}
