//! Man pages, completions, schemas, the description of the API and the list of third parties, made from the code so that they are true.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap_complete::Shell;

type Files = BTreeMap<String, Vec<u8>>;

/// Writes every generated file.
pub fn write(root: &Path) -> Result<String, String> {
    let files = all(root)?;
    for (name, bytes) in &files {
        let path = root.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| format!("making {}: {e}", folder.display()))?;
        }
        fs::write(&path, bytes).map_err(|e| format!("writing {}: {e}", path.display()))?;
    }
    Ok(format!("generate: {} files", files.len()))
}

/// Every generated file is as the code would make it now.
pub fn check(root: &Path) -> Result<String, String> {
    let files = all(root)?;
    let stale: Vec<&str> = files
        .iter()
        .filter(|(name, bytes)| fs::read(root.join(name)).map_or(true, |found| found != **bytes))
        .map(|(name, _)| name.as_str())
        .collect();
    if stale.is_empty() {
        Ok(format!("generate: {} files as the code would make them", files.len()))
    } else {
        Err(format!(
            "not as the code would make them: {}\nhint: make generated",
            stale.join(", ")
        ))
    }
}

fn all(root: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    man_pages(&mut files)?;
    completions(&mut files);
    schemas(&mut files)?;
    let mut api = synchresis_server::openapi()
        .to_pretty_json()
        .map_err(|e| format!("the description of the API: {e}"))?;
    api.push('\n');
    files.insert("docs/schema/openapi.json".into(), api.into_bytes());
    files.insert("THIRD-PARTY.md".into(), third_parties(root)?.into_bytes());
    Ok(files)
}

fn man_pages(files: &mut Files) -> Result<(), String> {
    let mut command = synchresis_cli::command();
    command.build();
    let mut todo = vec![("synchresis".to_owned(), command)];
    while let Some((name, command)) = todo.pop() {
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            todo.push((format!("{name}-{}", child.get_name()), child.clone()));
        }
        let mut page = Vec::new();
        let named = command.name(name.clone());
        clap_mangen::Man::new(named)
            .render(&mut page)
            .map_err(|e| format!("the man page of {name}: {e}"))?;
        files.insert(format!("docs/man/{name}.1"), page);
    }
    Ok(())
}

fn completions(files: &mut Files) {
    for (shell, name) in [
        (Shell::Bash, "synchresis.bash"),
        (Shell::Zsh, "_synchresis"),
        (Shell::Fish, "synchresis.fish"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut synchresis_cli::command(), "synchresis", &mut script);
        files.insert(format!("docs/completions/{name}"), script);
    }
}

fn schemas(files: &mut Files) -> Result<(), String> {
    for (name, schema) in synchresis_studio::schemas() {
        let mut text = serde_json::to_string_pretty(&schema).map_err(|e| format!("the schema {name}: {e}"))?;
        text.push('\n');
        files.insert(format!("docs/schema/{name}.json"), text.into_bytes());
    }
    Ok(())
}

/// Every crate in the binary, its licence and its home, from cargo's own metadata.
#[expect(clippy::disallowed_methods, reason = "a chore asks cargo; nothing of this ships")]
fn third_parties(root: &Path) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = |format: &str| {
        let out = std::process::Command::new(&cargo)
            .args([
                "tree",
                "--locked",
                "--offline",
                "--package",
                "synchresis-cli",
                "--edges",
                "normal",
                "--target",
                "all",
            ])
            .args(["--prefix", "none", "--no-dedupe", "--format", format])
            .current_dir(root)
            .output()
            .map_err(|e| format!("asking cargo for the dependencies: {e}"))?;
        if out.status.success() {
            Ok(String::from_utf8_lossy(&out.stdout).into_owned())
        } else {
            Err(format!(
                "asking cargo for the dependencies: {}",
                String::from_utf8_lossy(&out.stderr)
            ))
        }
    };
    let listed = tree("{p}|{l}|{r}")?;
    let mut rows: Vec<String> = listed
        .lines()
        .filter(|line| !line.starts_with("synchresis-"))
        .filter_map(|line| {
            let mut parts = line.split('|');
            let package = parts.next()?.replace(" (proc-macro)", "");
            let (name, version) = package.trim().split_once(" v")?;
            Some(format!("| {name} | {version} | {} |", parts.next()?.trim()))
        })
        .collect();
    rows.sort();
    rows.dedup();
    Ok(format!(
        "# Third parties\n\nMade by `make generated`. Every crate in the binary, with the licence its author gives it; the texts come \
         with the crates.\nThe timeline's letters are Hack (MIT and Bitstream Vera), carried by epaint_default_fonts, of whose fonts no \
         other is used.\nThe page's letters are Bricolage Grotesque (OFL-1.1, its text beside it in crates/server/assets/fonts).\nSound banks are not part of the program: the document's `licences` section names the one that was used.\n\n\
         | crate | version | licence |\n|---|---|---|\n{}\n",
        rows.join("\n")
    ))
}
