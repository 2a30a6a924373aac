//! The inventory's sections: what this host is made of, read from its own files and, where there are only programs to
//! ask, from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sysinfo::Networks;

use crate::ask::ask;
use crate::{enroll, heartbeat, look, mounts};

/// All sections with their names. What blocks runs off the message loop.
pub async fn collect() -> Vec<(&'static str, Value)> {
    let services = services().await;
    let rpm = rpm().await;
    let files = tokio::task::spawn_blocking(|| {
        vec![
            ("system", system()),
            ("disks", disks()),
            ("interfaces", interfaces()),
            ("users", users()),
            ("packages", packages()),
        ]
    });
    let mut sections = files.await.unwrap_or_default();
    if let (Some(rpm), Some((_, packages))) = (rpm, sections.iter_mut().find(|(name, _)| *name == "packages"))
        && packages.as_array().is_some_and(Vec::is_empty)
    {
        *packages = rpm;
    }
    sections.push(("services", services));
    sections
}

fn system() -> Value {
    let (os, os_version) = os_release(&fs::read_to_string("/etc/os-release").unwrap_or_default());
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu_model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let uname = rustix::system::uname();
    json!({
        "hostname": heartbeat::hostname(),
        "os": os,
        "os_version": os_version,
        "kernel": uname.release().to_string_lossy(),
        "arch": std::env::consts::ARCH,
        "cpus": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "cpu_model": cpu_model.map(|(_, model)| model),
        "mem_bytes": heartbeat::memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()).1,
        "machine_id": enroll::machine_id(),
        "virtualization": virtualization(&cpuinfo),
    })
}

/// Id and version, as `/etc/os-release` has them.
fn os_release(text: &str) -> (String, String) {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches('"').to_owned()
    };
    (field("ID"), field("VERSION_ID"))
}

/// `none`, or what this host runs in, as far as it shows.
fn virtualization(cpuinfo: &str) -> &'static str {
    if Path::new("/.dockerenv").exists() {
        return "docker";
    }
    if Path::new("/run/.containerenv").exists() {
        return "podman";
    }
    if Path::new("/var/run/secrets/kubernetes.io").exists() {
        return "kubernetes";
    }
    let vendor = fs::read_to_string("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
    let known = [
        ("QEMU", "kvm"),
        ("Amazon EC2", "amazon"),
        ("Google", "google"),
        ("VMware", "vmware"),
        ("Xen", "xen"),
        ("innotek", "virtualbox"),
    ];
    if let Some((_, word)) = known.iter().find(|(name, _)| vendor.contains(name)) {
        return word;
    }
    let flagged = cpuinfo.lines().any(|line| line.starts_with("flags") && line.contains(" hypervisor"));
    match vendor.trim() {
        "Microsoft Corporation" if flagged => "hyper-v",
        _ if flagged => "other",
        _ => "none",
    }
}

fn disks() -> Value {
    // Use changes all the time and is in the heartbeat; the inventory says what there is.
    let disk = |mount: mounts::Mount| json!({ "device": mount.device, "path": mount.path, "kind": mount.kind, "total_bytes": mount.total_bytes });
    mounts::real().into_iter().map(disk).collect()
}

fn interfaces() -> Value {
    let Ok(networks) = Networks::new_with_refreshed_list() else { return json!([]) };
    let named = networks.iter().map(|(name, network)| (name.to_string_lossy().into_owned(), network));
    let interfaces: BTreeMap<_, _> = named.collect();
    let read = |(name, network): (String, &sysinfo::NetworkData)| {
        let mut addrs: Vec<_> = network.ip_networks().iter().map(ToString::to_string).collect();
        addrs.sort();
        let state = fs::read_to_string(format!("/sys/class/net/{name}/operstate")).unwrap_or_default();
        json!({ "name": name, "mac": network.mac_address().to_string(), "addrs": addrs, "state": state.trim() })
    };
    interfaces.into_iter().map(read).collect()
}

fn users() -> Value {
    let user = |account: look::Account| {
        json!({
            "name": account.name,
            "uid": account.uid,
            "gid": account.gid,
            "groups": account.groups,
            "shell": account.shell,
        })
    };
    look::accounts().into_iter().map(user).collect()
}

fn packages() -> Value {
    let (manager, mut packages) = if let Ok(text) = fs::read_to_string("/var/lib/dpkg/status") {
        ("dpkg", dpkg(&text))
    } else if let Ok(text) = fs::read_to_string("/lib/apk/db/installed") {
        ("apk", apk(&text))
    } else {
        return json!([]);
    };
    packages.sort();
    as_packages(manager, packages)
}

async fn rpm() -> Option<Value> {
    if !Path::new("/var/lib/rpm").exists() && !Path::new("/usr/lib/sysimage/rpm").exists() {
        return None;
    }
    let text = ask("rpm", &["-qa", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\n"]).await?;
    let pair = |line: &str| line.split_once('\t').map(|(name, version)| (name.to_owned(), version.to_owned()));
    let mut packages: Vec<_> = text.lines().filter_map(pair).collect();
    packages.sort();
    Some(as_packages("rpm", packages))
}

fn as_packages(manager: &str, packages: Vec<(String, String)>) -> Value {
    let package = |(name, version)| json!({ "name": name, "version": version, "manager": manager });
    packages.into_iter().map(package).collect()
}

/// Installed packages in dpkg's status file.
fn dpkg(text: &str) -> Vec<(String, String)> {
    let read = |paragraph: &str| {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        field("Status: ").filter(|status| status.ends_with(" installed"))?;
        Some((field("Package: ")?, field("Version: ")?))
    };
    text.split("\n\n").filter_map(read).collect()
}

/// Packages in apk's database.
pub fn apk(text: &str) -> Vec<(String, String)> {
    let read = |paragraph: &str| {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Some((field("P:")?, field("V:")?))
    };
    text.split("\n\n").filter_map(read).collect()
}

async fn services() -> Value {
    if !Path::new("/run/systemd/system").exists() {
        return json!([]);
    }
    let quiet = ["--type=service", "--all", "--plain", "--no-legend", "--no-pager"];
    let units = ask("systemctl", &[&["list-units"], &quiet[..]].concat()).await.unwrap_or_default();
    let files = ask("systemctl", &["list-unit-files", "--type=service", "--no-legend", "--no-pager"]).await;
    merged(&units, &files.unwrap_or_default())
}

fn merged(units: &str, files: &str) -> Value {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let enabled: Vec<Vec<String>> = files.lines().map(words).collect();
    let read = |line: &str| {
        let fields = words(line);
        let (name, state) = (fields.first()?, fields.get(2)?);
        let enabled = enabled.iter().find(|file| file.first() == Some(name)).and_then(|file| file.get(1));
        Some(json!({ "name": name.trim_end_matches(".service"), "state": state, "enabled": enabled }))
    };
    units.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_package_databases() {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1.0-2\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: torn\n";
        assert_eq!(dpkg(status), [("a".to_owned(), "1.0-2".to_owned())]);
        assert_eq!(apk("C:x\nP:busybox\nV:1.36-r2\n\nP:torn"), [("busybox".to_owned(), "1.36-r2".to_owned())]);
    }

    #[test]
    fn reads_units_with_whether_they_are_enabled() {
        let units = "nginx.service loaded active running A server\nold.service not-found inactive dead old\nx\n";
        let files = "nginx.service enabled enabled\n";
        assert_eq!(
            merged(units, files),
            json!([
                { "name": "nginx", "state": "active", "enabled": "enabled" },
                { "name": "old", "state": "inactive", "enabled": null },
            ])
        );
    }

    #[test]
    fn reads_the_release() {
        let text = "NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(os_release(text), ("debian".to_owned(), "12".to_owned()));
    }

    #[tokio::test]
    async fn this_host_has_every_section() {
        let sections = collect().await;
        let names: Vec<_> = sections.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["system", "disks", "interfaces", "users", "packages", "services"]);
        assert!(sections[0].1["mem_bytes"].as_u64().unwrap() > 0);
        assert!(sections[3].1.as_array().unwrap().iter().any(|user| user["name"] == "root"));
    }
}
