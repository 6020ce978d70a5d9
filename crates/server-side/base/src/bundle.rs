//! The catalog of a bundle, as it is uploaded and as it is installed.

use std::path::Path;

use letsbe_catalog::Catalog;
use letsbe_types::{Code, Problem};

/// The catalog of a bundle.
///
/// # Errors
/// `NODE001` when an entry cannot be used.
pub fn catalog(bundle: &Path) -> Result<Catalog, Problem> {
    Catalog::load(&bundle.join("catalog")).map_err(|errors| {
        Problem::permanent(
            Code::NODE001,
            format!("The catalog of the bundle cannot be used: {errors}"),
            "Correct the catalog, and upload the bundle again.",
        )
    })
}
