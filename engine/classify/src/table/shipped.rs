//! The table files that ship, compiled in: `policies/commands/*.toml`. A test holds the list against the folder.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$((concat!($name, ".toml"), include_str!(concat!("../../../../policies/commands/", $name, ".toml")))),*]
    };
}

pub(super) const FILES: &[(&str, &str)] = files![
    "containers",
    "coreutils",
    "data",
    "development",
    "disk",
    "network",
    "packages",
    "service",
    "shell",
    "system",
    "users",
    "wrappers"
];
