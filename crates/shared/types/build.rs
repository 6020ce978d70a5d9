//! Makes the registry of error codes from the pages in `docs/errors`: a code without a page does not compile.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../../docs/errors");
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut codes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        codes.extend(name.strip_suffix(".md").filter(|code| *code != "README").map(str::to_owned));
    }
    codes.sort();
    let mut text = "impl Code {\n".to_owned();
    for code in &codes {
        let page = fs::read_to_string(folder.join(format!("{code}.md")))?;
        let title = page.lines().next().and_then(|line| line.strip_prefix(&format!("# {code}: ")));
        let title = title.ok_or_else(|| format!("docs/errors/{code}.md must begin with `# {code}: …`"))?;
        writeln!(text, "    #[doc = {title:?}]\n    pub const {code}: Self = Self({code:?});")?;
    }
    text.push_str("}\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("codes.rs"), text)?;
    Ok(())
}
