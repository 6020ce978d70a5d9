//! Puts the pages of `docs/errors` into the program.

use std::{env, fs, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut codes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        codes.extend(name.strip_suffix(".md").filter(|code| *code != "README").map(str::to_owned));
    }
    codes.sort();
    let page = |code: &String| {
        let file = folder.join(format!("{code}.md"));
        format!("    ({code:?}, include_str!({:?})),\n", file.display().to_string())
    };
    let pages: String = codes.iter().map(page).collect();
    let text = format!("pub(crate) static PAGES: &[(&str, &str)] = &[\n{pages}];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), text)?;
    Ok(())
}
