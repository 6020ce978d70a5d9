//! Shared by the catalog's tests.

use std::path::Path;

use letsbe_catalog::Catalog;

/// The catalog that is shipped.
pub(crate) fn shipped() -> Catalog {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
    Catalog::load(&root).unwrap_or_else(|errors| panic!("{errors}"))
}
