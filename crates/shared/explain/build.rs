//! Puts the pages of `docs/errors` into the program, each with what its family says.

use std::{env, fs, path::Path};

#[path = "src/boilerplate.rs"]
mod boilerplate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut codes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        codes.extend(name.strip_suffix(".md").filter(|code| *code != "README").map(str::to_owned));
    }
    codes.sort();
    let mut pages = String::new();
    for code in &codes {
        let page = fs::read_to_string(folder.join(format!("{code}.md")))?;
        pages.push_str(&format!("    ({code:?}, {:?}),\n", boilerplate::completed(code, &page)));
    }
    let text = format!("pub(crate) static PAGES: &[(&str, &str)] = &[\n{pages}];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), text)?;
    Ok(())
}
