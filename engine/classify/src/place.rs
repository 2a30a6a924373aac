//! What a path is, by its name alone: a sink that swallows, a device that holds data, a file that holds secrets.

/// What writing to a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What is written there goes nowhere, or to where the output goes anyway.
    Sink,
    /// A block device, raw memory or the kernel's emergency switch.
    Device,
    /// A connection that bash makes.
    Network,
    Ordinary,
}

/// What it is to write to `path`.
pub(crate) fn place(path: &str) -> Place {
    let plain;
    let path = if path.contains("//") || path.contains("/.") {
        plain = plain_path(path);
        plain.as_str()
    } else {
        path
    };
    if let Some(device) = path.strip_prefix("/dev/") {
        return match device {
            "null" | "zero" | "full" | "stdout" | "stderr" | "tty" => Place::Sink,
            "mem" | "kmem" | "port" => Place::Device,
            _ if device.strip_prefix("fd/").is_some_and(|fd| fd.bytes().all(|c| c.is_ascii_digit())) => Place::Sink,
            _ if device.starts_with("tcp/") || device.starts_with("udp/") => Place::Network,
            _ if names_a_block_device(device) => Place::Device,
            _ => Place::Ordinary,
        };
    }
    let trigger = path.starts_with("/proc/sysrq") || path.starts_with("/sys/power/") || path == "/proc/kcore";
    if trigger || names_a_block_device(path) { Place::Device } else { Place::Ordinary }
}

/// Whether reading `path` shows secrets.
pub(crate) fn holds_secrets(path: &str) -> bool {
    const FILES: [&str; 13] = [
        "shadow",
        "shadow-",
        "gshadow",
        "gshadow-",
        "master.passwd",
        ".pgpass",
        ".my.cnf",
        ".netrc",
        ".vault-token",
        ".git-credentials",
        "krb5.keytab",
        "opasswd",
        "sudoers",
    ];
    const STEMS: [&str; 6] = ["id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", "ssh_host_", "credentials"];
    const FOLDERS: [&str; 7] = [
        "/.ssh/",
        "/.gnupg/",
        "/.aws/",
        "/.kube/",
        "/etc/ssl/private/",
        "/etc/pki/tls/private/",
        "/etc/kubernetes/pki/",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.ends_with(".pub") || name == "known_hosts" {
        return false;
    }
    FILES.contains(&name)
        || STEMS.iter().any(|stem| name.starts_with(stem))
        || name.ends_with(".key")
        || name == "environ" && path.starts_with("/proc/")
        || FOLDERS.iter().any(|folder| path.contains(folder))
}

/// `sda`, `nvme0n1p2`, `mapper/vg-root`: also without `/dev/`, for commands that were sent there first.
fn names_a_block_device(name: &str) -> bool {
    let numbered = |rest: &str| !rest.is_empty() && rest.bytes().all(|c| c.is_ascii_digit());
    for folder in ["mapper/", "disk/by-", "block/", "md/", "zvol/", "vg/"] {
        if name.strip_prefix(folder).is_some_and(|rest| !rest.is_empty()) {
            return true;
        }
    }
    for disk in ["sd", "hd", "vd", "xvd"] {
        if let Some(rest) = name.strip_prefix(disk) {
            let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
            let digits = rest.get(letters..).unwrap_or_default();
            if (1..=3).contains(&letters) && digits.bytes().all(|c| c.is_ascii_digit() || c == b'*') {
                return true;
            }
        }
    }
    for disk in ["nvme", "mmcblk"] {
        if name.strip_prefix(disk).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return true;
        }
    }
    ["loop", "dm-", "md", "ram", "nbd", "sr", "zd", "drbd", "bcache", "rbd", "zram", "mtdblock", "mtd", "st", "nst"]
        .iter()
        .any(|disk| name.strip_prefix(disk).is_some_and(numbered))
}

/// `path` without `.`, `..` and empty components.
fn plain_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for piece in path.split('/') {
        match piece {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(piece),
        }
    }
    let slash = if path.starts_with('/') { "/" } else { "" };
    format!("{slash}{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_block_devices_however_they_are_written() {
        for path in [
            "/dev/sda",
            "/dev/sda1",
            "//dev///sda",
            "/dev/../dev/sda",
            "/dev/./nvme0n1p2",
            "/dev/mapper/vg-root",
            "sdb",
            "/dev/disk/by-id/x",
            "/dev/md0",
            "/dev/dm-1",
            "/proc/sysrq-trigger",
            "/dev/mem",
        ] {
            assert_eq!(place(path), Place::Device, "{path}");
        }
    }

    #[test]
    fn knows_sinks_and_ordinary_files() {
        for path in ["/dev/null", "/dev/stderr", "/dev/fd/2"] {
            assert_eq!(place(path), Place::Sink, "{path}");
        }
        for path in ["/tmp/sda.log", "sdcard", "/dev/nullx", "/etc/hosts", "/dev/null/../../etc/passwd", "md"] {
            assert_eq!(place(path), Place::Ordinary, "{path}");
        }
        assert_eq!(place("/dev/tcp/10.0.0.1/80"), Place::Network);
    }

    #[test]
    fn knows_where_secrets_are() {
        for path in ["/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/environ", "/etc/nginx/tls.key"] {
            assert!(holds_secrets(path), "{path}");
        }
        for path in ["/etc/passwd", "/root/.ssh/id_rsa.pub", "/etc/hosts"] {
            assert!(!holds_secrets(path), "{path}");
        }
    }
}
