//! Compose files are rendered to the byte as they were recorded. A server compares what its containers were made from
//! by a hash of these bytes: each line that changes here makes the tool's containers anew on every server at its next
//! run. Change them on purpose only, and read the difference:
//! `BLESS=1 cargo test --workspace --test rendered recorded`.

use std::{fs, path::PathBuf};

use crate::{stack, support::shipped};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/recorded"))
}

#[test]
fn compose_files_are_rendered_to_the_byte_as_they_were_recorded() {
    let catalog = shipped();
    let mut recorded = Vec::new();
    for tool in catalog.platform().chain(catalog.tools()) {
        let path = folder().join(format!("{}.yml", tool.name));
        let rendered = stack(tool).compose;
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(folder()).expect("the folder");
            fs::write(&path, &rendered).expect("written");
        }
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            rendered, wanted,
            "{} is not what was recorded; see the first lines of this file",
            tool.name
        );
        recorded.push(path);
    }
    let kept: Vec<_> =
        fs::read_dir(folder()).expect("the folder").flatten().map(|file| file.path()).collect();
    assert!(kept.iter().all(|path| recorded.contains(path)), "{kept:?} holds more than the catalog");
}
