//! The pages about error codes in `docs/errors`, as build scripts read them.

/// Code and text of each page, sorted.
pub(crate) fn error_pages() -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let folder = std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../../docs/errors");
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(code) = name.strip_suffix(".md").filter(|code| *code != "README") {
            pages.push((code.to_owned(), std::fs::read_to_string(&path)?));
        }
    }
    pages.sort();
    Ok(pages)
}
