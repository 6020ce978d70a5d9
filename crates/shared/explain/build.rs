//! Puts the pages of `docs/errors` into the program, each with what its family says.

use std::{env, error::Error, fs, path::Path};

#[path = "src/boilerplate.rs"]
mod boilerplate;

#[path = "../types/pages.rs"]
mod pages;

fn main() -> Result<(), Box<dyn Error>> {
    let pages: String = pages::error_pages()?
        .iter()
        .map(|(code, page)| format!("    ({code:?}, {:?}),\n", boilerplate::completed(code, page)))
        .collect();
    let text = format!("pub(crate) static PAGES: &[(&str, &str)] = &[\n{pages}];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), text)?;
    Ok(())
}
