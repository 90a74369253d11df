//! Where a flag's value comes from: config file < environment (`SYNCHRESIS_…`) < flags.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};

use crate::failure::Failure;

/// Every flag with a long name can also be given as `SYNCHRESIS_` and that name, upper case, `_` for `-`.
pub(crate) fn with_environment(command: Command) -> Command {
    each_flag(command, &|arg| {
        let Some(long) = settable(&arg) else { return arg };
        let name = format!("SYNCHRESIS_{}", long.to_uppercase().replace('-', "_"));
        arg.env(name).hide_env(true)
    })
}

/// The command with the config file's values as its defaults.
///
/// The file is `SYNCHRESIS_CONFIG`, else `synchresis/config.toml` in the platform's config folder. Its keys are the
/// flags' long names; lists are for flags that can be given more than once.
///
/// # Errors
/// A config file that does not read, or has a key that no command knows.
pub(crate) fn defaults(command: Command) -> Result<Command, Failure> {
    let (path, asked) = match std::env::var_os("SYNCHRESIS_CONFIG") {
        Some(path) => (Some(PathBuf::from(path)), true),
        None => (config_home().map(|home| home.join("synchresis/config.toml")), false),
    };
    let Some(path) = path else { return Ok(command) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !asked => return Ok(command),
        Err(e) => {
            return Err(Failure::usage(format!(
                "reading the config file {}: {e}",
                path.display()
            )));
        }
    };
    let table: toml::Table = text
        .parse()
        .map_err(|e| Failure::usage(format!("reading the config file {}: {e}", path.display())))?;
    let mut known = Vec::new();
    names(&command, &mut known);
    for key in table.keys() {
        if !known.contains(key) {
            return Err(Failure::usage(format!(
                "reading the config file {}: no command has a flag --{key}\nhint: keys are the flags' long names, `seed = 7` say",
                path.display()
            )));
        }
    }
    Ok(each_flag(command, &|arg| {
        let Some(value) = settable(&arg).and_then(|long| table.get(&long)) else {
            return arg;
        };
        match value {
            toml::Value::Array(values) => arg.default_values(values.iter().map(as_flag).collect::<Vec<_>>()),
            value => arg.default_value(as_flag(value)),
        }
    }))
}

fn as_flag(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn settable(arg: &Arg) -> Option<String> {
    let takes_value = matches!(
        arg.get_action(),
        ArgAction::Set | ArgAction::Append | ArgAction::SetTrue
    );
    arg.get_long().filter(|_| takes_value).map(str::to_owned)
}

fn each_flag(command: Command, change: &dyn Fn(Arg) -> Arg) -> Command {
    let command = command.mut_args(change);
    let children: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    children.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |child| each_flag(child, change))
    })
}

fn names(command: &Command, into: &mut Vec<String>) {
    into.extend(command.get_arguments().filter_map(settable));
    for child in command.get_subcommands() {
        names(child, into);
    }
}

/// The platform's folder for config files.
fn config_home() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    if cfg!(target_os = "macos") {
        return home().map(|home| home.join("Library/Application Support"));
    }
    std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| home().map(|home| home.join(".config")))
}

/// The platform's folder for data.
pub(crate) fn data_home() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    if cfg!(target_os = "macos") {
        return home().map(|home| home.join("Library/Application Support"));
    }
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| home().map(|home| home.join(".local/share")))
}

/// The platform's folder for caches.
pub(crate) fn cache_home() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    if cfg!(target_os = "macos") {
        return home().map(|home| home.join("Library/Caches"));
    }
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| home().map(|home| home.join(".cache")))
}
