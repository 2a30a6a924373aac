//! The host's real file systems: those that hold data on this host, not the kernel's own and not another host's.

use std::collections::BTreeSet;
use std::fs;

use rustix::fs::statvfs;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub device: String,
    pub path: String,
    pub kind: String,
    pub used_bytes: u64,
    pub total_bytes: u64,
}

/// Reads and measures them. It may block on a dying disk: call it off the message loop.
pub fn real() -> Vec<Mount> {
    let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    listed(&text).into_iter().filter_map(measured).collect()
}

/// The one with the least room left, by share.
pub fn fullest(mounts: &[Mount]) -> Option<&Mount> {
    let share = |mount: &&Mount| u128::from(mount.used_bytes) * 1_000_000 / u128::from(mount.total_bytes.max(1));
    mounts.iter().max_by_key(share)
}

fn measured(mut mount: Mount) -> Option<Mount> {
    let stat = statvfs(mount.path.as_str()).ok()?;
    mount.total_bytes = stat.f_blocks.checked_mul(stat.f_frsize)?;
    // What only root may still write counts as used: a program that runs out does not run as root.
    mount.used_bytes = mount.total_bytes.saturating_sub(stat.f_bavail.saturating_mul(stat.f_frsize));
    (mount.total_bytes > 0).then_some(mount)
}

fn listed(text: &str) -> Vec<Mount> {
    let mut devices = BTreeSet::new();
    let read = |line: &str| {
        let [device, path, kind] = line.split(' ').take(3).collect::<Vec<_>>()[..] else { return None };
        Some(Mount {
            device: unescaped(device),
            path: unescaped(path),
            kind: kind.to_owned(),
            used_bytes: 0,
            total_bytes: 0,
        })
    };
    let holds_data = |mount: &Mount| match mount.kind.as_str() {
        // Always full, and never written to.
        "squashfs" | "iso9660" | "erofs" => false,
        "zfs" | "btrfs" => true,
        // A container's own root.
        "overlay" => mount.path == "/",
        kind if kind.starts_with("fuse") || kind.starts_with("nfs") || kind == "cifs" => false,
        _ => mount.device.starts_with("/dev/"),
    };
    // One device may be mounted many times; the first counts.
    text.lines().filter_map(read).filter(holds_data).filter(|mount| devices.insert(mount.device.clone())).collect()
}

/// `/proc/mounts` writes blanks and backslashes as three octal digits.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_holds_data_once() {
        let text = "proc /proc proc rw 0 0\n\
                    overlay / overlay rw 0 0\n\
                    /dev/vda1 /data\\040one ext4 rw 0 0\n\
                    /dev/vda1 /again ext4 rw 0 0\n\
                    /dev/loop0 /snap squashfs ro 0 0\n\
                    far:/x /far nfs4 rw 0 0\n\
                    tmpfs /tmp tmpfs rw 0 0\n\
                    broken";
        let paths: Vec<_> = listed(text).into_iter().map(|mount| mount.path).collect();
        assert_eq!(paths, ["/", "/data one"]);
    }

    #[test]
    fn the_fullest_is_so_by_share() {
        let mount = |path: &str, used_bytes, total_bytes| Mount {
            device: String::new(),
            path: path.into(),
            kind: String::new(),
            used_bytes,
            total_bytes,
        };
        let mounts = [mount("/big", 500, 1000), mount("/small", 9, 10)];
        assert_eq!(fullest(&mounts).unwrap().path, "/small");
        assert_eq!(fullest(&[]), None);
    }
}
