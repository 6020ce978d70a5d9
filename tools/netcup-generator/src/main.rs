//! Generates `crates/hub-side/netcup/src/generated.rs` from Netcup's description of its SCP API.
//!
//! Run it in this folder (`cargo run`) after a change to `crates/hub-side/netcup/spec`. It reads and writes files of the
//! repository only; it must never fetch the description by itself, so that a change is always seen in review.

mod patch;

use std::{fs, path::Path};

use anyhow::{Context, Result};
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle};
use quote::quote;
use sha2::{Digest, Sha256};

const LONGEST_LINE_KEPT: usize = 160;

fn main() -> Result<()> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/hub-side/netcup");
    let spec = fs::read(crate_dir.join("spec/scp-openapi.json")).context("reading the API description")?;
    let operations =
        fs::read(crate_dir.join("spec/operations.txt")).context("reading the list of operations")?;

    let wanted = patch::parse_operations(&String::from_utf8(operations.clone())?)?;
    let mut document = serde_json::from_slice(&spec).context("the API description is no JSON")?;
    patch::apply(&mut document, &wanted)?;
    let api = serde_json::from_value(document).context("the patched description is no OpenAPI document")?;

    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_inner_type(quote!(crate::hooks::Bearer))
        .with_hooks(HooksMode::Expected);
    let tokens = Generator::new(&settings).generate_tokens(&api).context("generating the client")?;
    let code = prettyplease::unparse(&syn::parse2(tokens).context("the generated client is no Rust")?);

    let header = format!(
        "// Made by tools/netcup-generator; do not edit.\n\
         // generator: {} {}\n// description: sha256:{}\n// operations: sha256:{}\n\n",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        hex::encode(Sha256::digest(&spec)),
        hex::encode(Sha256::digest(&operations)),
    );
    let target = crate_dir.join("src/generated.rs");
    fs::write(&target, header + &without_schema_comments(&code)).context("writing the client")?;
    println!("wrote {} ({} operations)", target.display(), wanted.len());
    Ok(())
}

/// Drops the JSON schema that the generator repeats above every type, which is half of the file.
fn without_schema_comments(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut inside = false;
    for line in code.lines() {
        let text = line.trim_start();
        match text {
            "///<details><summary>JSON schema</summary>" => inside = true,
            "///</details>" if inside => inside = false,
            _ if inside => {}
            _ if text.starts_with("///") && text.len() > LONGEST_LINE_KEPT => {}
            _ => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    kept
}
