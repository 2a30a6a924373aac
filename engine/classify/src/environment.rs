//! Which environment variables change what a program runs, loads, reads or talks to.

/// Variables that change nothing but how things look, though they match a pattern below.
const HARMLESS: [&str; 8] = [
    "LC_PATH",
    "SYSTEMD_COLORS",
    "SYSTEMD_PAGERSECURE",
    "DEBIAN_FRONTEND",
    "CLICOLOR",
    "NO_COLOR",
    "GREP_COLORS",
    "LESSCHARSET",
];

const EXACT: [&str; 60] = [
    "PATH",
    "IFS",
    "ENV",
    "PS4",
    "CDPATH",
    "HOME",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "FPATH",
    "ZDOTDIR",
    "PAGER",
    "EDITOR",
    "VISUAL",
    "BROWSER",
    "SUDO_ASKPASS",
    "SSH_ASKPASS",
    "LESSOPEN",
    "LESSCLOSE",
    "LESS",
    "MORE",
    "MANPAGER",
    "MANOPT",
    "TAR_OPTIONS",
    "RSYNC_RSH",
    "CVS_RSH",
    "GZIP",
    "BZIP",
    "BZIP2",
    "XZ_OPT",
    "XZ_DEFAULTS",
    "ZSTD_CLEVEL",
    "ZIPOPT",
    "UNZIP",
    "TMPDIR",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "RESOLV_HOST_CONF",
    "MALLOC_TRACE",
    "TERMINFO",
    "TERMCAP",
    "TERMINFO_DIRS",
    "INPUTRC",
    "HISTFILE",
    "GLOBIGNORE",
    "KUBECONFIG",
    "MAKEFLAGS",
    "MFLAGS",
    "GNUMAKEFLAGS",
    "CC",
    "CXX",
    "LD",
    "AWKPATH",
    "AWKLIBPATH",
    "POSIXLY_CORRECT",
    "FCEDIT",
    "SELECTED_EDITOR",
    "GROFF_COMMAND_PREFIX",
];

const PREFIXES: [&str; 44] = [
    "LD_",
    "DYLD_",
    "GLIBC_",
    "MALLOC_",
    "BASH_",
    "PYTHON",
    "PERL",
    "RUBY",
    "GEM_",
    "BUNDLE_",
    "NODE_",
    "NPM_",
    "npm_",
    "JAVA_",
    "_JAVA",
    "JDK_",
    "CLASSPATH",
    "GIT_",
    "SVN_",
    "HG_",
    "SYSTEMD_",
    "PROMPT_",
    "LESS",
    "OPENSSL_",
    "SSL_",
    "CURL_",
    "WGET",
    "DOCKER_",
    "CONTAINER",
    "COMPOSE_",
    "HELM_",
    "TF_",
    "ANSIBLE_",
    "AWS_",
    "CLOUDSDK_",
    "AZURE_",
    "PSQL",
    "PHP",
    "LUA_",
    "TCL",
    "GDB",
    "CARGO",
    "RUST",
    "DPKG_",
];

const SUFFIXES: [&str; 26] = [
    "PATH",
    "PAGER",
    "EDITOR",
    "BROWSER",
    "SHELL",
    "_RSH",
    "_OPTS",
    "_OPTIONS",
    "OPT",
    "_ARGS",
    "FLAGS",
    "_COMMAND",
    "_CMD",
    "_PROGRAM",
    "_EXEC",
    "_HOOK",
    "_CONFIG",
    "_CONF",
    "_CONFIG_FILE",
    "_HOME",
    "_RC",
    "RCFILE",
    "_PRELOAD",
    "_PLUGIN",
    "_PROXY",
    "_proxy",
];

/// Whether setting `name` can make a program run, load or read something else than it says.
pub(crate) fn redirects_execution(name: &str) -> bool {
    !HARMLESS.contains(&name)
        && (EXACT.contains(&name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || SUFFIXES.iter().any(|suffix| name.ends_with(suffix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_variables_that_redirect_from_those_that_do_not() {
        for name in
            ["LD_PRELOAD", "PATH", "GIT_SSH_COMMAND", "GIT_PAGER", "PYTHONSTARTUP", "PERL5OPT", "BASH_ENV", "LESSOPEN"]
        {
            assert!(redirects_execution(name), "{name}");
        }
        for name in ["LANG", "LC_ALL", "TZ", "FOO", "COLUMNS", "DEBIAN_FRONTEND", "PGUSER", "NO_COLOR"] {
            assert!(!redirects_execution(name), "{name}");
        }
    }
}
