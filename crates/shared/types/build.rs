//! Makes the registry of error codes from the pages in `docs/errors`: a code without a page does not compile.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

mod pages;

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = "impl Code {\n".to_owned();
    for (code, page) in pages::error_pages()? {
        let title = page.lines().next().and_then(|line| line.strip_prefix(&format!("# {code}: ")));
        let title = title.ok_or_else(|| format!("docs/errors/{code}.md must begin with `# {code}: …`"))?;
        writeln!(text, "    #[doc = {title:?}]\n    pub const {code}: Self = Self({code:?});")?;
    }
    text.push_str("}\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("codes.rs"), text)?;
    Ok(())
}
